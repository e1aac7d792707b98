//! `vk-triton orphans`: the node's instances, and those among them that belong to no pod.

use std::io::{BufRead, IsTerminal};

use anyhow::anyhow;
use triton_provider::KubePods;
use triton_provider::leftovers::{self, Leftovers, Outcome as Removal, Row, Standing};

use super::listing::{self, Line, Listing, Shown};
use super::{Sides, say};
use crate::args::{Args, OrphansArgs};
use crate::config::Config;
use crate::exit::{Classify, Failure, Kind, Left, Outcome};

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

/// Lists, and removes if told to.
pub(super) async fn run(
    args: &Args,
    config: &Config,
    orphans: &OrphansArgs,
    sides: Sides,
) -> Outcome<Left> {
    let Sides { cloud, cluster } = sides;
    let leftovers = Leftovers {
        client: cloud,
        pods: KubePods::new(cluster.client("this command")?),
        cluster: cluster.uid,
        node: args.nodename.clone(),
        min_age: config.limits.orphan_age,
    };
    let now = crate::clock::now();
    let rows = leftovers.look(now).await.or_fail(Kind::Unavailable)?;
    let is_shown = |row: &&Row| !orphans.only_orphans || !matches!(row.standing, Standing::Wanted);
    let shown: Vec<Shown<'_, Row>> = rows
        .iter()
        .filter(is_shown)
        .map(|row| Shown { row, action: planned(row.standing) })
        .collect();
    let todo: Vec<&Row> = rows.iter().filter(|row| row.standing == Standing::Orphan).collect();
    if !orphans.delete {
        show(orphans, &leftovers, &shown, now)?;
        return Ok(if todo.is_empty() { Left::Nothing } else { Left::Something });
    }
    if todo.is_empty() {
        show(orphans, &leftovers, &shown, now)?;
        return Ok(Left::Nothing);
    }
    leftovers::allow(&rows, orphans.at_most).or_fail(Kind::Usage)?;
    if !orphans.yes {
        if !std::io::stdin().is_terminal() {
            return Err(Failure::new(
                Kind::Usage,
                anyhow!("nobody is there to be asked: confirm with --yes"),
            ));
        }
        show(orphans, &leftovers, &shown, now)?;
        if !asked(todo.len()) {
            return Ok(Left::Something);
        }
    }
    remove(orphans, &leftovers, &todo, now).await
}

/// Removes them one after the other, and prints what became of each; a failure of one does not keep the others.
async fn remove(
    orphans: &OrphansArgs,
    leftovers: &Leftovers<KubePods>,
    todo: &[&Row],
    now: jiff::Timestamp,
) -> Outcome<Left> {
    let mut done = Vec::with_capacity(todo.len());
    for &row in todo {
        let action = match leftovers.remove(row).await {
            Ok(outcome) => became(outcome),
            Err(error) => {
                let error = triton_provider::observer::chain(&error);
                tracing::error!(instance = %row.id, error, "could not remove an orphan");
                "failed"
            }
        };
        done.push(Shown { row, action });
    }
    show(orphans, leftovers, &done, now)?;
    let all_gone =
        done.iter().all(|shown| matches!(shown.action, "removed" | "has a pod" | "not ours"));
    Ok(if all_gone { Left::Nothing } else { Left::Something })
}

fn show(
    orphans: &OrphansArgs,
    leftovers: &Leftovers<KubePods>,
    instances: &[Shown<'_, Row>],
    now: jiff::Timestamp,
) -> Outcome<()> {
    Listing { cluster: &leftovers.cluster, node: &leftovers.node, instances }
        .print(orphans.output, now)
}

/// Asks on the terminal; only `y` or `yes` is a yes.
fn asked(count: usize) -> bool {
    say(&format!("Remove {count} instances for good, disks included? [y/N] "));
    let _ = std::io::Write::flush(&mut std::io::stdout());
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "yes")
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Wanted => "its pod lives",
        Standing::Twin => "its pod keeps another one",
        Standing::Going => "its pod is being deleted",
        Standing::Over => "its pod has ended",
        Standing::Orphan => "no pod",
        Standing::Young => "no pod, but too young to judge",
        Standing::Protected => "no pod, but protected by somebody",
    }
}

fn planned(standing: Standing) -> &'static str {
    match standing {
        Standing::Wanted => "none",
        Standing::Twin | Standing::Going | Standing::Over => "the node removes it",
        Standing::Orphan => "--delete removes it",
        Standing::Young => "wait",
        Standing::Protected => "lift its protection by hand",
    }
}

fn became(outcome: Removal) -> &'static str {
    match outcome {
        Removal::Removed => "removed",
        Removal::Going => "deleted, not gone yet",
        Removal::HasPod => "has a pod",
        Removal::NotOurs => "not ours",
        Removal::Protected => "protected",
    }
}
