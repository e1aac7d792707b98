//! Instances and rules of others, which must be there in the end as they were in the beginning.

use anyhow::Result;

use crate::cloud::Cloud;

/// Makes them, and returns their UUIDs: what carries no tags of ours, those of another cluster or of another node, and
/// those that the first Triton provider set.
///
/// # Errors
/// When CloudAPI refuses.
pub(super) async fn make(cloud: &Cloud, cluster: &str, node: &str) -> Result<Vec<String>> {
    let uid = "11111111-2222-4333-8444-555555555555";
    let name = [("k8s_namespace", "default"), ("k8s_podname", "web"), ("k8s_uid", uid)];
    let with = |more: &[(&'static str, &'static str)]| [&name[..], more].concat();
    let mut made = Vec::new();
    let mut tagged = vec![
        ("somebodys", Vec::new()),
        ("first-provider", with(&[])),
        ("another-cluster", with(&[])),
        ("another-node", with(&[])),
    ];
    tagged[1].1.push(("k8s_nodename", node));
    tagged[2].1.extend([("k8s_nodename", node), ("k8s_cluster", "another")]);
    tagged[3].1.extend([("k8s_nodename", "another"), ("k8s_cluster", cluster)]);
    for (name, tags) in tagged {
        made.push(cloud.make_instance(name, &tags).await?);
    }
    let ours = r#"FROM any TO tag "k8s_fwports" = "tcp-22.tcp-8080" ALLOW tcp PORT 22"#;
    for (rule, description) in [
        (ours, "somebody's, about the same tag".to_owned()),
        (ours, format!("vk-triton cluster=another node={node} k8s_fwports=tcp-22 ports")),
        (r#"FROM any TO tag "role" = "db" ALLOW tcp PORT 5432"#, String::new()),
    ] {
        made.push(cloud.make_rule(rule, &description).await?);
    }
    Ok(made)
}
