//! The web page at `/--sim/` in a real browser.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::stage::{Stage, npm};

const MARKUP: &str =
    "<img src=x onerror=window.injected=true><script>window.injected=true</script>";

/// `VK_TRITON_BROWSER`, else the first of the usual names on the PATH.
fn browser() -> PathBuf {
    if let Some(path) = std::env::var_os("VK_TRITON_BROWSER") {
        return path.into();
    }
    let path = std::env::var_os("PATH").unwrap();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let found = names.iter().find_map(|name| {
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
    });
    found.unwrap_or_else(|| {
        panic!("no Chromium: apt-get install chromium, or name one in VK_TRITON_BROWSER")
    })
}

#[track_caller]
fn look(stage: &Stage, instance: &Value) -> Value {
    let input = json!({
        "url": stage.url,
        "browser": browser(),
        "instance": instance,
        "screenshots": std::env::var("VK_TRITON_SCREENSHOTS").ok(),
    });
    let file = stage.write("page.json", &input.to_string());
    let modules = npm("");
    let output = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/npm/page.js"))
        .env("VK_TRITON_NPM", modules.parent().unwrap())
        // Its profile is a folder of its own under here.
        .env("TMPDIR", stage.home())
        .stdin(Stdio::from(std::fs::File::open(file).unwrap()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_page_shows_what_is_there_and_runs_nothing_that_is_named_in_it() {
    let stage = Stage::start();
    let body = json!({
        "name": "web0",
        "package": "g4-highcpu-1G",
        "image": "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b",
        "tag.motd": MARKUP,
    });
    let instance = stage.request("POST", "/my/machines", Some(&body)).body["id"].clone();
    let rule = json!({
        "rule": "FROM any TO all vms ALLOW tcp PORT 443",
        "enabled": true,
        "description": MARKUP,
    });
    stage.request("POST", "/my/fwrules", Some(&rule));
    let path = "/my/machines?name=x&tag.motd=%3Cscript%3Ewindow.injected=true%3C/script%3E";
    stage.request("GET", path, None);

    let seen = look(&stage, &instance);
    let cells: Vec<&str> =
        seen["cells"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(&cells[..3], ["web0", "running", "lx"]);
    assert_eq!(cells[4], "g4-highcpu-1G");
    assert_eq!(cells[8], format!("motd={MARKUP}"), "shown as text");
    assert!(seen["rule"].as_str().unwrap().contains(MARKUP));
    assert!(seen["request"].as_str().unwrap().contains("script"));
    assert_eq!(seen["injected"], false, "{seen:#}");
    assert_eq!(seen["focus"], "tab-faults", "arrow keys move between tabs");
    assert_eq!((&seen["outage"], &seen["healed"]), (&json!(503), &json!(200)), "a fault by click");
    assert_eq!(seen["struck"], "Faults (1)");
    assert_eq!(seen["stopped"], "web0: stopped");
    assert_eq!(seen["complaints"], json!([]), "the browser's console is silent");
}
