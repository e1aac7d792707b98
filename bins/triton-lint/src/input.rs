//! Texts to look at: files, folders, standard input.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use triton_podspec::manifest::TEXT_BYTES_MAX;

/// Folders within folders that are looked into.
const DEPTH_MAX: usize = 32;

/// A text and what it is called.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) content: String,
}

/// Reads what was named; in folders, every .yaml, .yml and .json, in order of their names.
pub(crate) fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<Text>> {
    let mut texts = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            texts.push(take("(standard input)".to_owned(), std::io::stdin())?);
        } else if path.is_dir() {
            for file in folder(path, 0)? {
                texts.push(file_text(&file)?);
            }
        } else {
            texts.push(file_text(path)?);
        }
    }
    Ok(texts)
}

fn file_text(path: &Path) -> anyhow::Result<Text> {
    let name = path.display().to_string();
    let file = fs::File::open(path).with_context(|| format!("reading {name}"))?;
    take(name, file)
}

/// Reads no more than what is enough to say that it is too much.
fn take(name: String, from: impl std::io::Read) -> anyhow::Result<Text> {
    let mut bytes = Vec::new();
    let most = u64::try_from(TEXT_BYTES_MAX)? + 1;
    from.take(most).read_to_end(&mut bytes).with_context(|| format!("reading {name}"))?;
    // A letter that is cut in two at the end of a text that is too long matters as little as the rest.
    let content = if bytes.len() > TEXT_BYTES_MAX {
        String::from_utf8_lossy(&bytes).into_owned()
    } else {
        String::from_utf8(bytes).with_context(|| format!("reading {name}: it is no UTF-8 text"))?
    };
    Ok(Text { name, content })
}

fn folder(path: &Path, depth: usize) -> anyhow::Result<Vec<PathBuf>> {
    let with = || format!("reading {}", path.display());
    anyhow::ensure!(depth < DEPTH_MAX, "reading {}: folders are nested too deep", path.display());
    let mut entries: Vec<PathBuf> = fs::read_dir(path)
        .with_context(with)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .with_context(with)?;
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        let hidden = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        let link = entry.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        if entry.is_dir() {
            // A link may lead back here.
            if !link {
                found.extend(folder(&entry, depth + 1)?);
            }
        } else if entry
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml" || end == "json")
        {
            found.push(entry);
        }
    }
    Ok(found)
}
