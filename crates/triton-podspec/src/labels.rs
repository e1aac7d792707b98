//! Labels become tags, key and value as they are.
//!
//! Tags that begin with `triton.` are a closed set with typed values (sdc-vmapi's validation). A Kubernetes label
//! cannot hold a comma or a colon, so those tags can be given as annotations, too:
//! `triton.cns.services: "web:8080,api:9000"`.

use triton_cloudapi::tags::{TagValue, Tags};

use crate::annotations::{self, PREFIX};
use crate::cns;
use crate::diagnostic::{Findings, quote};
use crate::inputs::Inputs;
use crate::nearest::did_you_mean;
use crate::ownership;
use crate::rules;

/// Tag that sdc-docker keeps for itself.
const DOCKER: &str = "sdc_docker";

/// Groups that a tag `triton.cmon.groups` can list, and characters that one of them can have.
const CMON_GROUPS_MAX: usize = 100;

const SPECIAL: [(&str, Form); 10] = [
    ("triton.cns.services", Form::Services),
    ("triton.cns.disable", Form::Bool),
    ("triton.cns.reverse_ptr", Form::DnsName),
    ("triton.cmon.groups", Form::Groups),
    ("triton.network.public", Form::Text),
    ("triton.network.public_ipv4", Form::Text),
    ("triton.placement.exclude_virtual_servers", Form::Bool),
    ("triton._test.string", Form::Text),
    ("triton._test.number", Form::Number),
    ("triton._test.boolean", Form::Bool),
];

/// What a special tag's value must be.
#[derive(Clone, Copy, Debug)]
enum Form {
    Services,
    Bool,
    DnsName,
    Groups,
    Text,
    Number,
}

/// Whether the name is one of Triton's special tags.
pub(crate) fn is_special(name: &str) -> bool {
    SPECIAL.iter().any(|(special, _)| *special == name)
}

/// The tags that labels, and annotations named as special tags, ask for.
pub(crate) fn tags(inputs: &Inputs<'_>, findings: &mut Findings) -> Tags {
    let mut tags = Tags::new();
    for (key, value) in inputs.pod.metadata.labels.iter().flatten() {
        let path = format!("metadata.labels['{key}']");
        if let Some(value) = tag(key, value, &path, findings) {
            tags.insert(key.clone(), value);
        }
    }
    for (special, form) in SPECIAL {
        let Some(annotation) = annotations::find(inputs.pod, special) else { continue };
        if let Some(value) = typed(special, form, annotation.value, &annotation.path, findings) {
            tags.insert(special.to_owned(), value);
        }
    }
    tags
}

fn tag(key: &str, value: &str, path: &str, findings: &mut Findings) -> Option<TagValue> {
    if key.starts_with(ownership::PREFIX) || key == DOCKER {
        findings.add(
            &rules::RESERVED_TAG,
            path,
            format!("tags named {key:?} are kept for bookkeeping; use a label that does not begin with k8s_ or sdc_"),
        );
        return None;
    }
    if !key.starts_with("triton.") {
        return Some(TagValue::from(value));
    }
    if let Some((_, form)) = SPECIAL.iter().find(|(special, _)| *special == key) {
        return typed(key, *form, value, path, findings);
    }
    findings.add(
        &rules::UNKNOWN_TRITON_TAG,
        path,
        format!(
            "{} is no tag that Triton knows, and it refuses others that begin with triton.{}; use another label",
            quote(key),
            did_you_mean(key, SPECIAL.map(|(special, _)| special))
        ),
    );
    None
}

fn typed(
    key: &str,
    form: Form,
    value: &str,
    path: &str,
    findings: &mut Findings,
) -> Option<TagValue> {
    let tag = form.read(value);
    match tag {
        Ok(tag) => Some(tag),
        Err(problem) => {
            let hint = match form {
                Form::Services | Form::Groups => {
                    format!("; what a label cannot hold fits into an annotation {PREFIX}{key}")
                }
                _ => String::new(),
            };
            findings.add(&rules::MALFORMED_TRITON_TAG, path, format!("{problem}{hint}"));
            None
        }
    }
}

// === impl Form ===

impl Form {
    fn read(self, value: &str) -> Result<TagValue, String> {
        match self {
            Self::Text => Ok(TagValue::from(value)),
            Self::Bool => match value {
                "true" => Ok(TagValue::Bool(true)),
                "false" => Ok(TagValue::Bool(false)),
                _ => Err(format!("{} is neither \"true\" nor \"false\"", quote(value))),
            },
            Self::Number => match value.parse() {
                Ok(number) => Ok(TagValue::Number(number)),
                Err(_) => Err(format!("{} is no number", quote(value))),
            },
            Self::Services => cns::check_services(value).map(|()| TagValue::from(value)),
            Self::DnsName if is_dns_name(value) => Ok(TagValue::from(value)),
            Self::DnsName => Err(format!("{} is no DNS name", quote(value))),
            Self::Groups => check_groups(value).map(|()| TagValue::from(value)),
        }
    }
}

fn is_dns_name(value: &str) -> bool {
    let name = value.strip_suffix('.').unwrap_or(value);
    value.len() <= 255 && name.split('.').all(cns::is_dns_label)
}

fn check_groups(value: &str) -> Result<(), String> {
    let groups: Vec<&str> = value.split(',').collect();
    if groups.len() > CMON_GROUPS_MAX {
        return Err(format!("{} groups are listed; {CMON_GROUPS_MAX} is the most", groups.len()));
    }
    for (at, group) in groups.iter().enumerate() {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !(1..=CMON_GROUPS_MAX).contains(&group.len()) || !group.bytes().all(legal) {
            return Err(format!(
                "{} is no group: 1-100 letters, digits, dashes and underscores",
                quote(group)
            ));
        }
        if groups[..at].contains(group) {
            return Err(format!("the group {} is listed twice", quote(group)));
        }
    }
    Ok(())
}
