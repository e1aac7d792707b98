//! The table of `docs/reliability/guards.md`.

use super::list::Chapter;

/// All guards, a table for each chapter.
pub(super) fn table(chapters: &[Chapter]) -> String {
    let mut text = String::new();
    for chapter in chapters {
        text.push_str(&format!(
            "## {}\n\n| Guard | File | Without it fails |\n|---|---|---|\n",
            chapter.title
        ));
        for guard in &chapter.guards {
            let file = guard.file.trim_start_matches("crates/").replacen("/src/", "/", 1);
            let tests: Vec<String> = guard.held_by.iter().map(|test| format!("`{test}`")).collect();
            let row = format!(
                "| {} | [{file}](../../{}) | {} |\n",
                guard.name,
                guard.file,
                tests.join(", ")
            );
            text.push_str(&row);
        }
        text.push('\n');
    }
    text
}
