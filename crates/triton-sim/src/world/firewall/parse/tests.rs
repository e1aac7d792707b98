//! The rule language, and its canonical text.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str, expected: Option<&str>) {
    let canonical = RuleText::parse(text).map(|rule| rule.to_string());
    assert_eq!(canonical.as_deref().ok(), expected, "{text}: {canonical:?}");
}

#[test]
fn rules_have_a_canonical_text() {
    check(
        r#"FROM any TO tag "role" = "web" ALLOW tcp PORT 443"#,
        Some(r#"FROM any TO tag "role" = "web" ALLOW tcp PORT 443"#),
    );
    check(
        "from any to tag role = web allow tcp port 22",
        Some(r#"FROM any TO tag "role" = "web" ALLOW tcp PORT 22"#),
    );
    check(
        r#"FROM (tag b OR tag a OR tag b) TO all vms BLOCK udp PORT ALL"#,
        Some(r#"FROM (tag "a" OR tag "b") TO all vms BLOCK udp PORT ALL"#),
    );
    check(
        "FROM tag a TO all vms ALLOW tcp PORTS 8000-8080, 80, 90 - 91",
        Some(r#"FROM tag "a" TO all vms ALLOW tcp PORTS 80, 90 - 91, 8000 - 8080"#),
    );
    check(
        "FROM any TO all vms ALLOW icmp TYPE 8 CODE 0",
        Some("FROM any TO all vms ALLOW icmp TYPE 8 CODE 0"),
    );
    check(
        "FROM (ip 10.0.0.1 OR subnet 10.1.0.0/16) TO all vms ALLOW tcp (PORT 2222 AND PORT 22) PRIORITY 10",
        Some(
            "FROM (ip 10.0.0.1 OR subnet 10.1.0.0/16) TO all vms ALLOW tcp (PORT 22 AND PORT 2222) PRIORITY 10",
        ),
    );
    check("FROM any TO all vms ALLOW esp", Some("FROM any TO all vms ALLOW esp"));
    check(
        "FROM any TO all vms ALLOW icmp6 TYPE ALL",
        Some("FROM any TO all vms ALLOW icmp6 TYPE ALL"),
    );
}

#[test]
fn what_the_language_does_not_say_is_refused() {
    for bad in [
        "",
        "FROM any TO any ALLOW tcp PORT 80",
        "FROM any TO ip 10.0.0.1 ALLOW tcp PORT 80",
        "From any TO all vms ALLOW tcp PORT 80",
        "FROM any TO all vms ALLOW tcp PORT 0",
        "FROM any TO all vms ALLOW tcp PORT 65536",
        "FROM any TO all vms ALLOW tcp",
        "FROM any TO all vms ALLOW tcp PORT 80 PRIORITY 101",
        "FROM any TO all vms ALLOW tcp PORT 80 nonsense",
        "FROM any TO all vms ALLOW icmp TYPE 256",
        "FROM any TO subnet 10.0.0.1/8 ALLOW tcp PORT 80",
        "FROM (any OR all vms) TO all vms ALLOW tcp PORT 80",
        "FROM any TO tag a.b ALLOW tcp PORT 80",
        "FROM any TO tag tag-foo ALLOW tcp PORT 80",
        r#"FROM any TO tag "a ALLOW tcp PORT 80"#,
        r#"FROM any TO tag "\q" ALLOW tcp PORT 80"#,
        "FROM any TO vm web ALLOW tcp PORT 80",
    ] {
        check(bad, None);
    }
}

#[test]
fn a_side_holds_24_targets_and_a_rule_24_ports() {
    let targets =
        |count: usize| (0..count).map(|n| format!("tag t{n}")).collect::<Vec<_>>().join(" OR ");
    let rule =
        |count| RuleText::parse(&format!("FROM ({}) TO any BLOCK tcp PORT ALL", targets(count)));
    assert!(rule(24).is_ok());
    assert!(rule(25).is_err());
    let ports = |count: usize| (1..=count).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let rule =
        |count| RuleText::parse(&format!("FROM any TO all vms ALLOW tcp PORTS {}", ports(count)));
    assert!(rule(24).is_ok());
    assert!(rule(25).is_err());
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        Just(Target::AllVms),
        any::<[u8; 4]>().prop_map(|bytes| Target::Ip(bytes.into())),
        (any::<u8>(), any::<u8>()).prop_map(|(a, b)| Target::Subnet([a, b, 0, 0].into(), 16)),
        (".{1,12}", proptest::option::of(".{1,12}"))
            .prop_map(|(key, value)| Target::Tag(key, value)),
        any::<u128>().prop_map(|id| Target::Vm(Uuid::from_u128(id))),
    ]
}

fn targets() -> impl Strategy<Value = BTreeSet<Target>> {
    proptest::collection::btree_set(target(), 1..5)
}

fn protocol() -> impl Strategy<Value = Protocol> {
    let port = 1_u16..;
    let range = (1_u16.., 1_u16..).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let icmp = (any::<u8>(), proptest::option::of(any::<u8>()));
    prop_oneof![
        Just(Protocol::Ports("udp", Ports::All)),
        proptest::collection::btree_set(port, 1..5)
            .prop_map(|ports| Protocol::Ports("tcp", Ports::Single(ports))),
        proptest::collection::btree_set(range, 1..5)
            .prop_map(|r| Protocol::Ports("tcp", Ports::Ranges(r))),
        proptest::collection::btree_set(icmp, 1..5)
            .prop_map(|t| Protocol::Types("icmp", Types::Some(t))),
        Just(Protocol::Types("icmp6", Types::All)),
        Just(Protocol::Bare("ah")),
    ]
}

proptest! {
    #[test]
    fn what_is_printed_is_what_was_read(
        from in targets(), to in targets(), allow: bool, protocol in protocol(), priority in 0_u8..=100,
    ) {
        let to = to.into_iter().chain([Target::AllVms]).collect();
        let rule = RuleText { from, to, allow, protocol, priority };
        prop_assert_eq!(RuleText::parse(&rule.to_string()), Ok(rule));
    }

    #[test]
    fn nothing_makes_it_panic(text in ".{0,80}") {
        let _ = RuleText::parse(&text);
    }
}
