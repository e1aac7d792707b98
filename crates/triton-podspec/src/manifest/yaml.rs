//! YAML to documents with places. Hostile text costs a bounded amount.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::scalar;
use super::tree::{Content, Key, Node, Span};

/// Longest text that is read, in bytes. The API server takes objects of up to 1.5 MB.
pub const TEXT_BYTES_MAX: usize = 16 << 20;

/// Most values of one text, with aliases written out.
pub(crate) const NODES_MAX: usize = 2_000_000;

/// Most values that aliases may bring.
const ALIASED_MAX: usize = 200_000;

/// Deepest nesting. A pod's is 12.
pub(crate) const DEPTH_MAX: usize = 100;

/// Up to this many keys of a map are compared one by one.
const FEW_KEYS: usize = 16;

/// What is wrong with the text, and where.
#[derive(Clone, Debug)]
pub(crate) struct Malformed {
    pub(crate) span: Span,
    pub(crate) message: String,
}

/// The documents of a text, up to where it cannot be read any further.
pub(crate) fn read(text: &str) -> (Vec<Node<'_>>, Vec<Malformed>) {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!(
            "the text has {} bytes, and up to {TEXT_BYTES_MAX} are read; split it",
            text.len()
        );
        return (Vec::new(), vec![Malformed { span: 0..0, message }]);
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let mut reader = Reader::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let taken = match event {
            Ok((event, span)) => {
                let start = span.start.byte_offset().unwrap_or_default();
                let end = span.end.byte_offset().unwrap_or(start);
                reader.take(event, start..end)
            }
            Err(error) => Err(malformed(&error)),
        };
        if let Err(problem) = taken {
            reader.problems.push(problem);
            break;
        }
    }
    (reader.documents, reader.problems)
}

fn malformed(error: &ScanError) -> Malformed {
    let at = error.marker().byte_offset().unwrap_or_default();
    Malformed { span: at..at, message: format!("this is no YAML: {}", error.kind()) }
}

/// A list or map that is not complete yet.
struct Open<'a> {
    span: Span,
    anchor: usize,
    collection: Collection<'a>,
}

type Entries<'a> = Vec<(Key<'a>, Node<'a>)>;

enum Collection<'a> {
    List(Vec<Node<'a>>),
    Map { entries: Entries<'a>, key: Option<Key<'a>>, merged: Entries<'a> },
}

#[derive(Default)]
struct Reader<'a> {
    documents: Vec<Node<'a>>,
    problems: Vec<Malformed>,
    open: Vec<Open<'a>>,
    anchors: HashMap<usize, (Node<'a>, usize)>,
    nodes: usize,
    aliased: usize,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), Malformed> {
        match event {
            Event::DocumentStart(..) => {
                self.anchors.clear();
                self.open.clear();
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let node = Node { span, content: scalar(text, style, tag.as_deref()) };
                self.close(node, anchor, 1)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.begin(span, anchor, Collection::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, _) => {
                let map = Collection::Map { entries: Vec::new(), key: None, merged: Vec::new() };
                self.begin(span, anchor, map)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    let message =
                        "the alias stands within what it stands for, or for nothing".to_owned();
                    return Err(Malformed { span, message });
                };
                let size = *size;
                self.aliased += size;
                if self.aliased > ALIASED_MAX {
                    return Err(too_many_aliases(span));
                }
                let mut node = node.clone();
                // Findings about it belong here, where it is used.
                node.span = span;
                self.close(node, 0, size)
            }
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        span: Span,
        anchor: usize,
        collection: Collection<'a>,
    ) -> Result<(), Malformed> {
        if self.open.len() >= DEPTH_MAX {
            let message = format!("it is nested deeper than {DEPTH_MAX} levels");
            return Err(Malformed { span, message });
        }
        self.open.push(Open { span, anchor, collection });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), Malformed> {
        let Some(Open { span: begun, anchor, collection }) = self.open.pop() else {
            return Ok(());
        };
        let span = begun.start..span.end.max(begun.end);
        let content = match collection {
            Collection::List(elements) => Content::List(elements),
            Collection::Map { mut entries, merged, .. } => {
                self.problems.extend(duplicates(&entries));
                if !merged.is_empty() {
                    let mut own: HashSet<Cow<'a, str>> =
                        entries.iter().map(|(key, _)| key.name.clone()).collect();
                    entries
                        .extend(merged.into_iter().filter(|(key, _)| own.insert(key.name.clone())));
                }
                Content::Map(entries)
            }
        };
        let node = Node { span, content };
        let size = if anchor == 0 { 0 } else { size(&node) };
        self.nodes = self.nodes.saturating_sub(size);
        self.close(node, anchor, size.max(1))
    }

    /// A value is complete: it belongs to what is open, or is a document.
    fn close(&mut self, node: Node<'a>, anchor: usize, size: usize) -> Result<(), Malformed> {
        self.nodes += size;
        if self.nodes > NODES_MAX {
            let message = format!("it has more than {NODES_MAX} values; split it");
            return Err(Malformed { span: node.span, message });
        }
        if anchor != 0 {
            // Anchors within anchors keep the same values again and again.
            self.aliased += size;
            if self.aliased > ALIASED_MAX {
                return Err(too_many_aliases(node.span));
            }
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut().map(|open| &mut open.collection) {
            None => self.documents.push(node),
            Some(Collection::List(elements)) => elements.push(node),
            Some(Collection::Map { entries, key, merged }) => match key.take() {
                None => *key = Some(as_key(node)?),
                Some(key) if key.name == "<<" => merge(node, merged),
                Some(key) => entries.push((key, node)),
            },
        }
        Ok(())
    }
}

fn too_many_aliases(span: Span) -> Malformed {
    let message = format!(
        "anchors and aliases bring more than {ALIASED_MAX} values; write out what is meant"
    );
    Malformed { span, message }
}

fn size(node: &Node<'_>) -> usize {
    1 + match &node.content {
        Content::List(elements) => elements.iter().map(size).sum(),
        Content::Map(entries) => entries.iter().map(|(_, node)| size(node)).sum(),
        _ => 0,
    }
}

/// What `<<` brings; the first of several wins.
fn merge<'a>(node: Node<'a>, merged: &mut Entries<'a>) {
    match node.content {
        Content::Map(entries) => merged.extend(entries),
        Content::List(elements) => elements.into_iter().for_each(|node| merge(node, merged)),
        _ => {}
    }
}

fn as_key(node: Node<'_>) -> Result<Key<'_>, Malformed> {
    let Node { span, content } = node;
    let name = match content {
        Content::Text(name) => name,
        // `on: x` is `true: x`, as for kubectl.
        Content::Bool(value) => Cow::Owned(value.to_string()),
        Content::Number(value) => Cow::Owned(value.to_string()),
        Content::Null => Cow::Borrowed("null"),
        Content::List(_) | Content::Map(_) => {
            let message = "a key is text, not a list or an object; a template that was not \
                           rendered looks so (`{{ … }}`)";
            return Err(Malformed { span, message: message.to_owned() });
        }
    };
    Ok(Key { span, name })
}

/// The keys that a map has twice.
pub(crate) fn duplicates(entries: &[(Key<'_>, Node<'_>)]) -> Vec<Malformed> {
    let twice = |key: &Key<'_>| Malformed {
        span: key.span.clone(),
        message: format!("the key {:?} is there twice", key.name),
    };
    if entries.len() <= FEW_KEYS {
        let seen =
            |at: usize, key: &Key<'_>| entries[..at].iter().any(|(own, _)| own.name == key.name);
        return entries
            .iter()
            .enumerate()
            .filter(|(at, (key, _))| seen(*at, key))
            .map(|(_, (key, _))| twice(key))
            .collect();
    }
    let mut seen = HashSet::new();
    entries.iter().filter(|(key, _)| !seen.insert(&key.name)).map(|(key, _)| twice(key)).collect()
}

fn scalar<'a>(text: Cow<'a, str>, style: ScalarStyle, tag: Option<&Tag>) -> Content<'a> {
    let is_text = match tag.and_then(|tag| tag.core_suffix()) {
        Some(core) => core == "str",
        None => style != ScalarStyle::Plain,
    };
    let other = if is_text { None } else { scalar::plain(&text) };
    other.unwrap_or(Content::Text(text))
}
