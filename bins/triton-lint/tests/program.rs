//! The program as its users run it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const BAD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  hostNetwork: true\n  containers:\n  - {name: web, image: \
                   ubuntu-16.04, command: [sh], resources: {requests: {memory: 512Mi}}}\n";

fn catalog() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("crates/triton-podspec/fixtures/catalog.json").display().to_string()
}

/// Runs it in an empty folder, or in that one.
fn run_in(folder: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_triton-lint"))
        .args(args)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn run(args: &[&str], input: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    told(&run_in(folder.path(), args, input))
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_exit_code_says_whether_something_is_denied() {
    let good = BAD.replace("  hostNetwork: true\n", "");
    for (args, input, expected) in [
        (&["-"][..], BAD, 1),
        (&["-"], good.as_str(), 0),
        (&["-D", "warnings", "-"], good.as_str(), 1),
        (&["-A", "host-namespace", "-"], BAD, 0),
        (&["-W", "host-namespace,command-ignored", "-"], BAD, 0),
        (&["-A", "host-namespce", "-"], BAD, 2),
        (&["nosuch.yaml"], "", 2),
        (&[], "", 2),
        (&["--explain", "volume"], "", 0),
        (&["--explain", "volum"], "", 2),
        (&["fields"], "", 0),
        (&["rules"], "", 0),
        (&["--catalog", "nosuch.json", "-"], BAD, 2),
    ] {
        let (code, out, err) = run(args, input);
        assert_eq!(code, Some(expected), "{args:?}\n{out}\n{err}");
    }
}

#[test]
fn text_shows_the_line_and_names_the_rule() {
    let (_, out, _) = run(&["-"], BAD);
    let expected = "error[host-namespace]: hostNetwork: an instance has its own network; remove it\n --> (standard \
                    input):5:3\n  |\n5 |   hostNetwork: true\n  |   ^^^^^^^^^^^^^^^^^\n  |\n  = note: Pod/web: spec.hostNetwork\n";
    assert!(out.starts_with(expected), "{out}");
    assert!(out.ends_with("1 pod template in 1 file: 1 error, 1 warning; `triton-lint --explain host-namespace` says more\n"));
}

#[test]
fn control_characters_of_a_file_do_not_reach_the_terminal() {
    let text =
        "kind: Pod\napiVersion: v1\nmetadata: {name: \"\\e[31m\\a\"}\nspec: {\"\\e[2J\": 1}\n";
    let (_, out, _) = run(&["-"], text);
    assert!(!out.contains(['\u{1b}', '\u{7}']), "{out:?}");
}

#[test]
fn programs_get_json_github_and_sarif() {
    let (_, json, _) = run(&["--format", "json", "-"], BAD);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["findings"][0]["rule"], "host-namespace");
    assert_eq!((&json["findings"][0]["line"], &json["podTemplates"]), (&5.into(), &1.into()));
    let (_, github, _) = run(&["--format", "github", "-"], BAD);
    assert!(github.starts_with("::error file=(standard input),line=5,col=3,title=host-namespace::Pod/web spec.hostNetwork: "));
    let (_, sarif, _) = run(&["--format", "sarif", "-"], BAD);
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    let run = &sarif["runs"][0];
    let result = &run["results"][0];
    let at = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][at]["id"], result["ruleId"]);
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 5);
    assert_eq!((&sarif["version"], &result["level"]), (&"2.1.0".into(), &"error".into()));
}

#[test]
fn folders_and_settings_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("m/sub")).unwrap();
    std::fs::create_dir_all(at("m/.git")).unwrap();
    for name in ["m/a.yaml", "m/sub/b.json", "m/.git/c.yaml", "m/README.md"] {
        std::fs::write(at(name), BAD).unwrap();
    }
    let (code, out, _) = told(&run_in(folder.path(), &["m"], ""));
    assert!(
        code == Some(1) && out.contains("2 pod templates in 2 files: 2 errors, 2 warnings"),
        "{out}"
    );
    let settings = "[rules]\nhost-namespace = \"warn\"\n[defaults]\npackage = \"g4-highcpu-1G\"\n";
    std::fs::write(at("triton-lint.toml"), settings).unwrap();
    let (code, out, _) = told(&run_in(folder.path(), &["m"], ""));
    assert!(code == Some(0) && out.contains("0 errors, 4 warnings"), "{out}");
    let (code, ..) = told(&run_in(folder.path(), &["-D", "host-namespace", "m"], ""));
    assert_eq!(code, Some(1), "flags win over the file");
    std::fs::write(at("triton-lint.toml"), "[rule]\n").unwrap();
    assert_eq!(told(&run_in(folder.path(), &["m"], "")).0, Some(2));
}

#[test]
fn a_plan_is_what_the_pod_becomes_and_a_diff_says_what_is_changed_in_place() {
    let good = BAD.replace("  hostNetwork: true\n", "");
    let catalog = catalog();
    let (code, out, err) =
        run(&["--plan=json", "--catalog", &catalog, "--cluster", "c", "-"], &good);
    assert!(code == Some(0) && err.contains("command-ignored"), "{err}");
    let plan: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(plan[0]["create"]["tag.k8s_cluster"], "c");
    assert_eq!(plan[0]["packages"][0]["lost"], Value::Null);
    let (_, yaml, _) = run(&["--plan", "--catalog", &catalog, "-"], BAD);
    assert!(yaml.contains("noInstanceBecause:\n- \"spec.hostNetwork: "), "{yaml}");

    let folder = tempfile::tempdir().unwrap();
    let diff = |after: &str| {
        std::fs::write(folder.path().join("before.yaml"), &good).unwrap();
        let args = ["--catalog", &catalog, "--diff", "before.yaml", "-"];
        told(&run_in(folder.path(), &args, after)).1
    };
    assert_eq!(diff(&good), "Pod/web in default: the same\n");
    let labelled = good.replace("{name: web}\n", "{name: web, labels: {app: web}}\n");
    assert!(
        diff(&labelled).starts_with("Pod/web in default: changed in place\n  tag.app (in place)\n")
    );
    assert!(
        diff(&good.replace("512Mi", "1Gi"))
            .starts_with("Pod/web in default: another instance\n  package (replaced)\n")
    );
}
