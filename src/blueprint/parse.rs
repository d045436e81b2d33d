//! From text to the tree, with the problems of the text itself. The only place that knows the YAML
//! parser.
//!
//! The language is YAML 1.2 without tags, merge keys and second documents. Aliases are expanded
//! within a budget.

use std::collections::BTreeMap;

use granit_parser::{
    ErrorKind, Event, Parser, ScalarStyle, ScanError, Span as YamlSpan, StrInput, StructureStyle,
};

use super::node::{Entry, Mapping, Node, Scalar, Value};
use crate::diagnostic::Diagnostic;
use crate::source::{FileId, SourceMap, Span, Spanned};

/// A blueprint of thousands of components is smaller.
pub(crate) const BYTES_MAX: usize = 1 << 20;
/// Counted after aliases are expanded, which is what makes small files explode.
const NODES_MAX: usize = 100_000;
/// Collections within collections. The language itself needs fewer than ten.
const DEPTH_MAX: usize = 64;

/// Adds a file to the sources if it is text at all.
pub(crate) fn text(
    name: &str,
    bytes: &[u8],
    sources: &mut SourceMap,
    problems: &mut Vec<Diagnostic>,
) -> Option<FileId> {
    if bytes.len() > BYTES_MAX {
        let problem = Diagnostic::error(format!("`{name}` is larger than 1 MiB"));
        problems.push(problem.hint("A blueprint is a text that people read."));
        return None;
    }
    // The replacement characters come after what is valid, so that offsets stay right before them.
    let file = sources.add(name, String::from_utf8_lossy(bytes));
    if let Err(error) = std::str::from_utf8(bytes) {
        let problem = Diagnostic::error("the file is not UTF-8 text");
        let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let hint =
            if utf16 { "It looks like UTF-16. Save it as UTF-8." } else { "Save it as UTF-8." };
        let start = error.valid_up_to();
        let span = Span::new(file, start..start + char::REPLACEMENT_CHARACTER.len_utf8());
        problems.push(problem.at(span, "cannot be read from here on").hint(hint));
        return None;
    }
    Some(file)
}

/// Parses a whole file.
pub(crate) fn document(
    file: FileId,
    sources: &SourceMap,
    problems: &mut Vec<Diagnostic>,
) -> Option<Node> {
    part(file, sources.file(file).text(), 0, problems)
}

/// Parses the end of a file, from a byte on.
pub(crate) fn part(
    file: FileId,
    text: &str,
    from: usize,
    problems: &mut Vec<Diagnostic>,
) -> Option<Node> {
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if let Some((at, character)) = text.char_indices().find(|(_, c)| control(*c)) {
        let span = Span::new(file, at..at + character.len_utf8());
        problems.push(
            Diagnostic::error(format!(
                "the control character U+{:04X} is not text",
                character as u32
            ))
            .at(span, "not allowed in YAML"),
        );
        return None;
    }
    let mut builder = Builder::new(file, &text[from..], from, problems);
    match builder.stream() {
        Ok(node) => node,
        Err(Stop::Reported) => None,
        Err(Stop::Syntax(error)) => {
            let problem = builder.syntax(&error);
            builder.problems.push(problem);
            None
        }
    }
}

/// A value of the language itself, such as a default. All of it gets the same place.
pub(crate) fn literal(yaml: &'static str, span: Span) -> Node {
    let mut problems = Vec::new();
    let node = part(span.file, yaml, 0, &mut problems);
    let mut node = node.expect("a default is valid YAML, as a test makes sure for each");
    place(&mut node, span);
    node
}

/// Gives a whole tree one place.
pub(crate) fn place(node: &mut Node, span: Span) {
    node.span = span;
    match &mut node.value {
        Value::Null | Value::Scalar(_) => {}
        Value::Sequence(items) => items.iter_mut().for_each(|item| place(item, span)),
        Value::Mapping(mapping) => {
            for entry in &mut mapping.entries {
                entry.key.span = span;
                place(&mut entry.value, span);
            }
        }
    }
}

/// Why the tree ends early.
enum Stop {
    Syntax(ScanError),
    Reported,
}

struct Builder<'a, 'p> {
    parser: Parser<'a, StrInput<'a>>,
    file: FileId,
    text: &'a str,
    /// Where the parsed text begins in the file.
    from: usize,
    problems: &'p mut Vec<Diagnostic>,
    /// The anchored nodes that are complete.
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    /// How many collections are open.
    depth: usize,
    /// The brackets that are open, for the message when one is not closed.
    brackets: Vec<Span>,
}

impl<'a, 'p> Builder<'a, 'p> {
    fn new(file: FileId, text: &'a str, from: usize, problems: &'p mut Vec<Diagnostic>) -> Self {
        let options = granit_parser::options! {
            emit_comments: false,
            flow_nesting_limit: DEPTH_MAX,
            block_nesting_limit: DEPTH_MAX,
        };
        Self {
            parser: Parser::new_from_str_with_options(text, options),
            file,
            text,
            from,
            problems,
            anchors: BTreeMap::new(),
            nodes: 0,
            depth: 0,
            brackets: Vec::new(),
        }
    }

    /// The one document of the text.
    fn stream(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if root.is_some() => {
                    let problem = Diagnostic::error("a file has one document, this one has more");
                    let span = self.span(span);
                    self.problems.push(
                        problem
                            .at(span, "the second document")
                            .hint("Differences between environments go under `environments`."),
                    );
                    return Err(Stop::Reported);
                }
                event if event.is_node() => root = Some(self.node(event, span)?),
                // Starts and ends of the stream and of its document.
                _ => {}
            }
        }
        Ok(root)
    }

    fn next(&mut self) -> Result<(Event<'a>, YamlSpan), Stop> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(Stop::Syntax(error)),
            None => Ok((Event::StreamEnd, YamlSpan::empty(granit_parser::Marker::default()))),
        }
    }

    fn node(&mut self, event: Event<'a>, at: YamlSpan) -> Result<Node, Stop> {
        let span = self.span(at);
        self.count(1, span)?;
        self.refuse_tag(&event, at);
        let anchor = event.anchor_id();
        let node = match event {
            Event::Alias(id) => return self.alias(id, span),
            Event::Scalar(text, style, _, _) => {
                let plain = style == ScalarStyle::Plain;
                let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let scalar = Scalar { text: text.into_owned(), plain };
                Node { value: if null { Value::Null } else { Value::Scalar(scalar) }, span }
            }
            Event::SequenceStart(style, ..) => self.sequence(style, span)?,
            Event::MappingStart(style, ..) => self.mapping(style, span)?,
            other => unreachable!("{other:?} is not a node"),
        };
        if let Some(id) = anchor {
            self.anchors.insert(id, node.clone());
        }
        Ok(node)
    }

    fn sequence(&mut self, style: StructureStyle, start: Span) -> Result<Node, Stop> {
        self.open(style, start);
        let mut items: Vec<Node> = Vec::new();
        let end = loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                break self.close(style, span).or(items.last().map(|item| item.span));
            }
            items.push(self.node(event, span)?);
        };
        let span = end.map_or(start, |end| start.to(end));
        Ok(Node { value: Value::Sequence(items), span })
    }

    fn mapping(&mut self, style: StructureStyle, start: Span) -> Result<Node, Stop> {
        self.open(style, start);
        let mut mapping = Mapping::default();
        let mut keys = BTreeMap::new();
        let mut last = None;
        let end = loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break self.close(style, span).or(last);
            }
            let key = self.node(event, span)?;
            let (event, span) = self.next()?;
            let mut value = self.node(event, span)?;
            if value.value == Value::Null && value.span.range().is_empty() {
                value.span = key.span;
            }
            last = Some(value.span);
            self.insert(&mut mapping, &mut keys, key, value);
        };
        let span = end.map_or(start, |end| start.to(end));
        Ok(Node { value: Value::Mapping(mapping), span })
    }

    /// Adds an entry; `keys` are those that are there, with their places.
    fn insert(
        &mut self,
        mapping: &mut Mapping,
        keys: &mut BTreeMap<String, Span>,
        key: Node,
        value: Node,
    ) {
        let problem = match key.value {
            Value::Scalar(Scalar { text, plain: true }) if text == "<<" => {
                Diagnostic::error("merge keys are not part of YAML 1.2")
                    .at(key.span, "not supported")
                    .hint("Repeat the values, or put what differs under `environments`.")
            }
            Value::Scalar(Scalar { text, .. }) => {
                let Some(first) = keys.get(&text) else {
                    keys.insert(text.clone(), key.span);
                    let key = Spanned::new(text, key.span);
                    return mapping.entries.push(Entry { key, value });
                };
                Diagnostic::error(format!("duplicate key `{text}`"))
                    .at(key.span, "written again here")
                    .also(*first, "first written here")
            }
            Value::Null => Diagnostic::error("a key is empty").at(key.span, "expected a word"),
            Value::Sequence(_) | Value::Mapping(_) => {
                Diagnostic::error("a key must be a word").at(key.span, "not a word")
            }
        };
        self.problems.push(problem);
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Node, Stop> {
        let Some(node) = self.anchors.get(&id).cloned() else {
            let problem = Diagnostic::error("an alias stands inside what it refers to");
            self.problems.push(problem.at(span, "would never end"));
            return Err(Stop::Reported);
        };
        self.count(size(&node), span)?;
        if self.depth + depth(&node) > DEPTH_MAX {
            self.problems.push(too_deep(span));
            return Err(Stop::Reported);
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes > NODES_MAX {
            let problem =
                Diagnostic::error(format!("the blueprint has more than {NODES_MAX} values"));
            self.problems
                .push(problem.at(span, "with all aliases replaced by what they stand for"));
            return Err(Stop::Reported);
        }
        Ok(())
    }

    fn refuse_tag(&mut self, event: &Event<'_>, at: YamlSpan) {
        let Some(tag) = event.tag() else { return };
        let span = at.tag_span().map_or_else(|| self.span(at), |tag| self.span(tag));
        let problem =
            Diagnostic::error(format!("the tag `{}` has no meaning here", tag.original()));
        self.problems.push(
            problem
                .at(span, "not supported")
                .hint("A blueprint has no functions. To name another component, write its name."),
        );
    }

    fn open(&mut self, style: StructureStyle, start: Span) {
        self.depth += 1;
        if style == StructureStyle::Flow {
            self.brackets.push(start);
        }
    }

    /// The closing bracket, where there is one.
    fn close(&mut self, style: StructureStyle, end: YamlSpan) -> Option<Span> {
        self.depth -= 1;
        match style {
            StructureStyle::Flow => {
                self.brackets.pop();
                Some(self.span(end))
            }
            StructureStyle::Block => None,
        }
    }

    fn span(&self, span: YamlSpan) -> Span {
        let range = span.byte_range().unwrap_or_default();
        self.place(range.start, range.end)
    }

    /// What a syntax error means to somebody who has never read the YAML specification.
    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let at = error.marker().byte_offset().unwrap_or(self.text.len()).min(self.text.len());
        let here = self.place(at, at);
        match error.kind() {
            ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart => {
                let start = self.text[..at].trim_end_matches('\t').len();
                Diagnostic::error("a tab cannot indent")
                    .at(self.place(start, at), "a tab")
                    .hint("YAML indents with spaces only. Replace the tab by spaces.")
            }
            ErrorKind::UnclosedFlowCollection { .. } => {
                Diagnostic::error("a bracket is never closed").at(here, "opened here")
            }
            ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
                Diagnostic::error(format!("`{open}` is closed by `{close}`"))
                    .at(here, "opened here")
            }
            ErrorKind::UnexpectedEofFlowMapping
            | ErrorKind::UnexpectedEofFlowSequence
            | ErrorKind::UnexpectedEofImplicitFlowMapping
            | ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::ExpectedFlowSequenceSeparator
            | ErrorKind::InvalidColonPlacement => match self.brackets.last() {
                Some(open) => Diagnostic::error("a bracket is never closed")
                    .at(*open, "opened here")
                    .also(here, "expected a comma or the closing bracket"),
                None => Diagnostic::error("a bracket is never closed").at(here, "still open here"),
            },
            ErrorKind::UnclosedQuotedScalar => {
                Diagnostic::error("a quote is never closed").at(here, "opened here")
            }
            ErrorKind::RecursionLimitExceeded => too_deep(here),
            ErrorKind::UnknownAnchor => Diagnostic::error("an alias without an anchor")
                .at(here, "refers to nothing")
                .hint("An anchor, `&name`, must come before its alias, `*name`."),
            ErrorKind::MappingValueNotAllowed => self.unexpected_colon(at),
            ErrorKind::InvalidIndentation
            | ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::ExpectedBlockSequenceEntry => {
                Diagnostic::error("this line does not fit the lines before it")
                    .at(here, "another indentation was expected")
            }
            ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
                Diagnostic::error("a `:` is missing").at(here, "expected `key: value`")
            }
            _ => Diagnostic::error(format!("invalid YAML: {}", error.info())).at(here, "here"),
        }
    }

    /// A colon in a value, or in a line that continues the value of the line before.
    fn unexpected_colon(&self, colon: usize) -> Diagnostic {
        let start = self.text[..colon].rfind('\n').map_or(0, |at| at + 1);
        let line = &self.text[start..colon];
        if let Some(first) = line.find(": ") {
            return Diagnostic::error("a value has a colon")
                .at(self.place(colon, colon + 1), "ends a key once more")
                .also(self.place(start + first, start + first + 1), "ended the key")
                .hint("Put the value in quotes.");
        }
        let word = start + line.len() - line.trim_start().len();
        Diagnostic::error("this line does not fit the lines before it")
            .at(self.place(word, colon), "indented too far")
    }

    /// A range of the parsed text as a span of the file.
    fn place(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, self.from + start..self.from + end)
    }
}

fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(format!("more than {DEPTH_MAX} levels of nesting")).at(span, "too deep")
}

/// How many collections a tree has within each other.
fn depth(node: &Node) -> usize {
    match &node.value {
        Value::Null | Value::Scalar(_) => 0,
        Value::Sequence(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Mapping(mapping) => {
            1 + mapping.entries.iter().map(|it| depth(&it.value)).max().unwrap_or(0)
        }
    }
}

/// How many nodes a tree has.
fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Null | Value::Scalar(_) => 0,
        Value::Sequence(items) => items.iter().map(size).sum(),
        Value::Mapping(mapping) => mapping.entries.iter().map(|it| 1 + size(&it.value)).sum(),
    }
}
