//! Which image a container's `image` names.

use triton_cloudapi::ImageId;
use triton_cloudapi::images::Image;

use crate::diagnostic::{Findings, quote};
use crate::inputs::Inputs;
use crate::nearest::{did_you_mean, hint};
use crate::plan::Choice;
use crate::rules;

const PATH: &str = "spec.containers[0].image";

/// The image: by UUID, by `name@version`, or the newest of a `name`.
///
/// Images that are not public come first: they are the account's own or were shared with it on purpose, while anyone's
/// public image may bear any name.
pub(crate) fn image<'a>(
    inputs: &Inputs<'a>,
    findings: &mut Findings,
    choices: &mut Vec<Choice>,
) -> Option<&'a Image> {
    let wanted = inputs.container()?.image.as_deref().unwrap_or_default().trim();
    if wanted.is_empty() {
        findings.add(
            &rules::MISSING_IMAGE,
            PATH,
            "the container names no image; write an image's UUID, its name, or name@version",
        );
        return None;
    }
    let images = &inputs.catalog.images;
    if let Ok(id) = wanted.parse::<ImageId>() {
        let image = images.iter().find(|image| image.id == id && is_active(image));
        match image {
            Some(image) => choices.push(choice(image, "named by UUID")),
            None => findings.add(
                &rules::UNKNOWN_IMAGE,
                PATH,
                format!("the account can use no active image with the UUID {wanted}; see `triton image list`"),
            ),
        }
        return image;
    }
    let (name, version) = match wanted.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (wanted, None),
    };
    let candidates: Vec<&Image> = images
        .iter()
        .filter(|image| {
            is_active(image)
                && image.name == name
                && version.is_none_or(|version| image.version == version)
        })
        .collect();
    let Some(best) = candidates
        .iter()
        .copied()
        .max_by_key(|image| (!image.public, image.published_at, image.id))
    else {
        findings.add(&rules::UNKNOWN_IMAGE, PATH, unknown(name, version, images));
        return None;
    };
    if best.public && candidates.iter().any(|image| image.owner != best.owner) {
        findings.add(
            &rules::AMBIGUOUS_IMAGE,
            PATH,
            format!(
                "several accounts publish an image named {}; the newest, {}, is taken: name it by UUID to be sure",
                quote(name),
                best.id
            ),
        );
    }
    let why = match (version, candidates.len()) {
        (Some(_), _) => "named with its version",
        (None, 1) => "the only one of its name",
        (None, _) => "the newest of its name",
    };
    choices.push(choice(best, why));
    Some(best)
}

fn is_active(image: &Image) -> bool {
    // Older servers list active images without saying so.
    image.state.is_empty() || image.state == "active"
}

fn choice(image: &Image, why: &str) -> Choice {
    Choice {
        what: "image",
        chosen: format!("{}@{} ({})", image.name, image.version, image.id),
        why: why.to_owned(),
    }
}

fn unknown(name: &str, version: Option<&str>, images: &[Image]) -> String {
    let active = || images.iter().filter(|image| is_active(image));
    let versions =
        || active().filter(|image| image.name == name).map(|image| image.version.as_str());
    if let Some(version) = version
        && versions().next().is_some()
    {
        let of_name = active().filter(|image| image.name == name);
        let newest =
            of_name.max_by_key(|image| image.published_at).map(|image| image.version.as_str());
        return format!(
            "the image {} has no version {}; its newest is {:?}{}",
            quote(name),
            quote(version),
            newest.unwrap_or_default(),
            did_you_mean(version, versions())
        );
    }
    // `nginx:1.27` and `registry/name` are what people bring from container registries.
    let form = if name.contains([':', '/']) {
        " (images are Triton's, not a container registry's)"
    } else {
        ""
    };
    let names = active().map(|image| image.name.as_str());
    let hint = hint(name, names, "triton image list");
    format!("the account can use no active image named {}{form}{hint}", quote(name))
}
