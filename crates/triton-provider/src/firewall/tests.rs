use uuid::Uuid;

use super::*;

fn id(n: u128) -> FirewallRuleId {
    FirewallRuleId(Uuid::from_u128(n))
}

fn plan(port: u16) -> FirewallRulePlan {
    FirewallRulePlan {
        rule: format!("FROM any TO tag \"k8s_fwports\" = \"tcp-{port}\" ALLOW tcp PORT {port}"),
        purpose: format!("tcp {port} from anywhere"),
        tag: ("k8s_fwports".to_owned(), format!("tcp-{port}")),
    }
}

fn made(plans: &[(u16, &[u128])]) -> BTreeMap<String, Vec<FirewallRuleId>> {
    let mark = mark("c", "n");
    plans
        .iter()
        .map(|(port, ids)| (description(&mark, &plan(*port)), ids.iter().map(|n| id(*n)).collect()))
        .collect()
}

fn gone(unused: &[Unused]) -> Vec<FirewallRuleId> {
    unused.iter().map(|rule| rule.id).collect()
}

#[test]
fn a_rule_is_kept_while_a_pod_asks_for_it_or_an_instance_carries_its_tag() {
    let rules = made(&[(22, &[1]), (80, &[2]), (443, &[3])]);
    let needed = description(&mark("c", "n"), &plan(22));
    let needed = BTreeSet::from([needed.as_str()]);
    let tags = BTreeSet::from([("k8s_fwports".to_owned(), "tcp-80".to_owned())]);
    assert_eq!(gone(&unused(&rules, &needed, &tags)), [id(3)]);
}

#[test]
fn a_tag_that_merely_begins_like_the_rules_does_not_keep_it() {
    let rules = made(&[(22, &[1])]);
    let tags = BTreeSet::from([("k8s_fwports".to_owned(), "tcp-2".to_owned())]);
    assert_eq!(gone(&unused(&rules, &BTreeSet::new(), &tags)), [id(1)]);
}

#[test]
fn of_twin_rules_one_stays() {
    let rules = made(&[(22, &[1, 2, 3])]);
    let needed = description(&mark("c", "n"), &plan(22));
    let needed = BTreeSet::from([needed.as_str()]);
    assert_eq!(gone(&unused(&rules, &needed, &BTreeSet::new())), [id(2), id(3)]);
}

#[test]
fn rules_of_others_are_not_ours() {
    let rule = |n: u128, description: Option<&str>, global: bool| -> FirewallRule {
        serde_json::from_value(serde_json::json!({
            "id": id(n), "rule": "FROM any TO all vms ALLOW icmp TYPE 8", "enabled": true,
            "global": global, "description": description,
        }))
        .unwrap()
    };
    let mark = mark("c", "n");
    let other = super::mark("c", "n2");
    let rules = [
        rule(1, None, false),
        rule(2, Some("ssh"), false),
        rule(3, Some(&format!("{other}tag=a=b for=c")), false),
        rule(4, Some(&format!("{mark}tag=a=b for=c")), true),
        rule(5, Some(&format!("{mark}tag=a=b for=c")), false),
    ];
    let found = ours(&rules, &mark);
    assert_eq!(found.into_values().flatten().collect::<Vec<_>>(), [id(5)]);
}

#[tokio::test(start_paused = true)]
async fn a_list_says_nothing_about_a_rule_that_was_made_after_it_was_asked_for() {
    let asked_at = Instant::now();
    let made_at = asked_at + Duration::from_secs(1);
    let mut state = State::default();
    state.made.insert("one".to_owned(), vec![Made { id: id(1), at: made_at }]);
    state.listed(BTreeMap::new(), asked_at);
    assert_eq!(state.made["one"], [Made { id: id(1), at: made_at }]);
    state.listed(BTreeMap::new(), made_at + Duration::from_secs(1));
    assert_eq!(state.made, BTreeMap::new());
}

#[test]
fn descriptions_fit_what_cloudapi_takes_and_stay_apart() {
    let cluster = "3a4f1c6e-0d4b-4f57-9a39-5b2f1f5f8e11";
    for node in ["n", "a-node-with-a-name-of-sixty-three-characters-which-is-the-longest"] {
        let mark = mark(cluster, node);
        let ports: Vec<u16> = (2000..2060).collect();
        let value = ports.iter().map(|port| format!("tcp-{port}")).collect::<Vec<_>>().join(".");
        let descriptions: BTreeSet<String> = ports
            .iter()
            .map(|port| {
                let mut plan = plan(*port);
                plan.tag.1.clone_from(&value);
                description(&mark, &plan)
            })
            .collect();
        assert_eq!(descriptions.len(), ports.len());
        assert!(descriptions.iter().all(|text| text.chars().count() <= DESCRIPTION_MAX));
        let made = descriptions.into_iter().map(|text| (text, vec![id(1)])).collect();
        let tags = BTreeSet::from([("k8s_fwports".to_owned(), value)]);
        assert_eq!(
            unused(&made, &BTreeSet::new(), &tags),
            [],
            "an instance with the tag keeps them all"
        );
    }
}
