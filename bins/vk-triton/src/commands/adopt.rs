//! `vk-triton adopt`: what the first provider left, and which pods it is waited for by.

use triton_provider::KubePods;
use triton_provider::adopt::command::{Adoption, Outcome as Adopted, Row, Standing};

use super::Sides;
use super::listing::{self, Line, Listing, Shown};
use crate::args::{AdoptArgs, Args};
use crate::exit::{Classify, Kind, Left, Outcome};

impl listing::Row for Row {
    fn line(&self) -> Line<'_> {
        Line {
            id: self.id.to_string(),
            name: &self.name,
            state: &self.state,
            created: self.created,
            namespace: &self.namespace,
            pod: &self.pod,
            standing: standing(self.standing),
        }
    }
}

/// Lists, and adopts if told to.
pub(super) async fn run(args: &Args, adopt: &AdoptArgs, sides: Sides) -> Outcome<Left> {
    let Sides { cloud, cluster } = sides;
    let adoption = Adoption {
        client: cloud,
        pods: KubePods::new(cluster.client("this command")?),
        cluster: cluster.uid,
        node: args.nodename.clone(),
    };
    let now = crate::clock::now();
    let rows = adoption.look().await.or_fail(Kind::Unavailable)?;
    let mut left = Left::Nothing;
    let mut shown = Vec::with_capacity(rows.len());
    for row in &rows {
        let action = if row.standing == Standing::Matches && adopt.act {
            match adoption.adopt(row).await {
                Ok(outcome) => became(outcome),
                Err(error) => {
                    let error = triton_provider::observer::chain(&error);
                    tracing::error!(instance = %row.id, error, "could not adopt an instance");
                    "failed"
                }
            }
        } else {
            planned(row.standing)
        };
        if row.standing == Standing::Matches && action != "adopted" {
            left = Left::Something;
        }
        shown.push(Shown { row, action });
    }
    let whole = Listing { cluster: &adoption.cluster, node: &adoption.node, instances: &shown };
    whole.print(adopt.output, now)?;
    Ok(left)
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Matches => "its pod waits for it",
        Standing::Duplicate => "its pod has another one",
        Standing::Earlier => "of an earlier pod of that name",
        Standing::Unclear => "its tags do not tell which pod it is for",
        Standing::NoPod => "no pod",
    }
}

fn planned(standing: Standing) -> &'static str {
    match standing {
        Standing::Matches => "--act adopts it",
        Standing::Duplicate | Standing::Earlier | Standing::NoPod => {
            "delete it by hand if nobody needs it"
        }
        Standing::Unclear => "set its tag k8s_uid by hand",
    }
}

fn became(outcome: Adopted) -> &'static str {
    match outcome {
        Adopted::Adopted => "adopted",
        Adopted::Unconfirmed => "tagged, not seen yet",
        Adopted::Changed => "has changed: look again",
    }
}
