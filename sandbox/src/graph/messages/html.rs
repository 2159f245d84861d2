//! The HTML of messages: what the service keeps of what an app sends, and what the Teams client
//! makes of what somebody types.

/// Parses HTML and writes it again: supported tags and attributes only, everything closed,
/// whitespace between tags gone.
pub(crate) fn reserialise(html: &str) -> String {
    let mut writer = Writer { out: String::with_capacity(html.len()), open: Vec::new() };
    let mut cursor = Cursor { rest: html };
    while !cursor.rest.is_empty() {
        let text = cursor.take_until('<');
        writer.text(text);
        if !cursor.skip('<') {
            break;
        }
        if cursor.rest.starts_with("!--") {
            cursor.skip_past("-->");
        } else if cursor.rest.starts_with(['!', '?']) {
            cursor.skip_past(">");
        } else if cursor.skip('/') {
            let name = cursor.name();
            cursor.skip_past(">");
            writer.close(&name);
        } else if cursor.rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let name = cursor.name();
            let attributes = cursor.attributes();
            if DROPPED.contains(&name.as_str()) {
                cursor.skip_element(&name);
            } else {
                writer.open(&name, &attributes);
            }
        } else {
            writer.out.push_str("&lt;");
        }
    }
    writer.finish()
}

/// What the Teams client stores for typed text: a paragraph per line.
pub(crate) fn typed(text: &str) -> String {
    let paragraph = |line: &str| match line.trim_end() {
        "" => "<p>&nbsp;</p>".to_owned(),
        line => format!("<p>{}</p>", escape(line).replace("  ", " &nbsp;")),
    };
    text.trim_end().lines().map(paragraph).collect()
}

/// Text as HTML text.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_escaped(&mut out, c);
    }
    out
}

/// The readable part: tags away, entities resolved. For previews.
pub(crate) fn plain(html: &str) -> String {
    let mut out = String::new();
    let mut cursor = Cursor { rest: html };
    while !cursor.rest.is_empty() {
        out.push_str(cursor.take_until('<'));
        if cursor.skip('<') {
            cursor.skip_past(">");
        }
    }
    out.replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// The ids of `<at id="…">` or `<attachment id="…">` elements.
pub(crate) fn ids_of(html: &str, element: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = Cursor { rest: html };
    while !cursor.rest.is_empty() {
        cursor.take_until('<');
        if cursor.skip('<') && cursor.name() == element {
            let id = cursor.attributes().into_iter().find(|(name, _)| name == "id");
            ids.extend(id.map(|(_, value)| value));
        }
    }
    ids
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn take_until(&mut self, stop: char) -> &'a str {
        self.take_while(|c| c != stop)
    }

    fn skip(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Past the marker, or to the end.
    fn skip_past(&mut self, marker: &str) {
        self.rest = self.rest.split_once(marker).map_or("", |(_, rest)| rest);
    }

    /// Lower-case.
    fn name(&mut self) -> String {
        self.take_while(|c| c.is_ascii_alphanumeric() || c == '-').to_ascii_lowercase()
    }

    /// The rest of a start tag, its `>` included.
    fn attributes(&mut self) -> Vec<(String, String)> {
        let mut attributes = Vec::new();
        loop {
            self.take_while(|c| c.is_ascii_whitespace() || c == '/');
            if self.rest.is_empty() || self.skip('>') {
                return attributes;
            }
            let name = self.take_while(|c| !c.is_ascii_whitespace() && !"=>/".contains(c));
            self.take_while(|c| c.is_ascii_whitespace());
            let value = if self.skip('=') { self.value() } else { "" };
            attributes.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }

    fn value(&mut self) -> &'a str {
        self.take_while(|c| c.is_ascii_whitespace());
        for quote in ['"', '\''] {
            if self.skip(quote) {
                let value = self.take_until(quote);
                self.skip(quote);
                return value;
            }
        }
        self.take_while(|c| !c.is_ascii_whitespace() && c != '>')
    }

    /// Past the end tag of an element whose content is not markup.
    fn skip_element(&mut self, name: &str) {
        while !self.rest.is_empty() {
            self.take_until('<');
            if self.skip('<') && self.skip('/') && self.name() == name {
                self.skip_past(">");
                return;
            }
        }
    }
}

struct Writer {
    out: String,
    open: Vec<String>,
}

impl Writer {
    fn text(&mut self, text: &str) {
        let kept = self.open.iter().any(|name| name == "pre" || name == "code");
        if !kept && text.chars().all(|c| c.is_ascii_whitespace()) {
            return;
        }
        push_text(&mut self.out, text);
    }

    fn open(&mut self, name: &str, attributes: &[(String, String)]) {
        let Some((_, allowed)) = SUPPORTED.iter().find(|(tag, _)| *tag == name) else { return };
        self.out.push('<');
        self.out.push_str(name);
        for (attribute, value) in attributes {
            if allowed.contains(&attribute.as_str()) && harmless(attribute, value) {
                self.out.push(' ');
                self.out.push_str(attribute);
                self.out.push_str("=\"");
                push_text(&mut self.out, &value.replace('"', "&quot;"));
                self.out.push('"');
            }
        }
        self.out.push('>');
        if name == "attachment" {
            // Only a place in the text, whether it was closed or not.
            self.end(name);
        } else if !VOID.contains(&name) {
            self.open.push(name.to_owned());
        }
    }

    /// Closes up to and including the named element; an end tag without a start is nothing.
    fn close(&mut self, name: &str) {
        if !self.open.iter().any(|open| open == name) {
            return;
        }
        while let Some(open) = self.open.pop() {
            self.end(&open);
            if open == name {
                return;
            }
        }
    }

    fn end(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn finish(mut self) -> String {
        while let Some(open) = self.open.pop() {
            self.end(&open);
        }
        self.out
    }
}

/// An address that cannot run anything.
fn harmless(attribute: &str, value: &str) -> bool {
    let value = value.trim().to_ascii_lowercase();
    let web = value.starts_with("https://") || value.starts_with("http://");
    match attribute {
        "href" => web || value.starts_with("mailto:"),
        "src" => web || value.starts_with("../hostedcontents/"),
        _ => true,
    }
}

/// HTML text: entities stay, lone special characters become entities.
fn push_text(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.strip_prefix(c).unwrap_or("");
        if c == '&' && is_entity(after) {
            out.push('&');
        } else if c == '"' {
            out.push(c);
        } else {
            push_escaped(out, c);
        }
        rest = after;
    }
}

/// Whether what follows an ampersand makes it an entity.
fn is_entity(after: &str) -> bool {
    let Some((name, _)) = after.split_once(';') else { return false };
    let name = name.strip_prefix('#').unwrap_or(name);
    (1..=LONGEST_ENTITY).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric())
}

fn push_escaped(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        _ => out.push(c),
    }
}

/// Tags that survive, with their attributes. Microsoft names a small set; `at`, `attachment` and
/// `emoji` are Teams' own, and the rest is what its editor writes.
const SUPPORTED: [(&str, &[&str]); 35] = [
    ("a", &["href", "title", "rel", "target"]),
    ("at", &["id"]),
    ("attachment", &["id"]),
    ("b", &[]),
    ("blockquote", &["itemtype", "itemid"]),
    ("br", &[]),
    ("code", &[]),
    ("codeblock", &["class"]),
    ("div", &["style", "itemprop"]),
    ("em", &[]),
    ("emoji", &["id", "alt", "title"]),
    ("h1", &[]),
    ("h2", &[]),
    ("h3", &[]),
    ("hr", &[]),
    ("i", &[]),
    ("img", &["src", "alt", "title", "width", "height", "style", "itemid", "itemtype"]),
    ("li", &[]),
    ("ol", &[]),
    ("p", &["style", "itemprop"]),
    ("pre", &[]),
    ("s", &[]),
    ("span", &["style", "itemprop", "itemid", "itemtype"]),
    ("strike", &[]),
    ("strong", &[]),
    ("sub", &[]),
    ("sup", &[]),
    ("table", &["style", "itemprop"]),
    ("tbody", &[]),
    ("td", &["style", "colspan", "rowspan"]),
    ("th", &["style", "colspan", "rowspan"]),
    ("thead", &[]),
    ("tr", &["style"]),
    ("u", &[]),
    ("ul", &[]),
];

const VOID: [&str; 3] = ["br", "hr", "img"];

/// Elements that go with their content.
const DROPPED: [&str; 8] =
    ["script", "style", "iframe", "object", "noscript", "template", "textarea", "title"];

const LONGEST_ENTITY: usize = 31;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whitespace_between_tags_goes_and_text_stays() {
        assert_eq!(
            reserialise("<div>\n  <p>Hi <b>Doug</b>, a &amp; b & c</p>\n</div>\n"),
            "<div><p>Hi <b>Doug</b>, a &amp; b &amp; c</p></div>"
        );
    }

    #[test]
    fn what_could_run_is_removed_and_the_words_around_it_stay() {
        let hostile = "<p onclick=\"x()\">a<script>alert('<p>')</script>b\
                       <a href=\"JavaScript:x()\">c</a><img src='data:text/html,x' alt=\"d\">\
                       <a href='&#106;avascript:x'>e</a><video>f</video><!-- g --></p>";
        assert_eq!(reserialise(hostile), "<p>ab<a>c</a><img alt=\"d\"><a>e</a>f</p>");
    }

    #[test]
    fn an_unfinished_document_is_finished() {
        assert_eq!(
            reserialise("<ul><li>one<li>two</ul>x</b>"),
            "<ul><li>one<li>two</li></li></ul>x"
        );
        assert_eq!(reserialise("a < b <"), "a &lt; b &lt;");
        assert_eq!(reserialise("<attachment id='7' />a"), "<attachment id=\"7\"></attachment>a");
    }

    #[test]
    fn typed_lines_become_paragraphs() {
        assert_eq!(
            typed("a <b> & \"c\"\n\nd  e\n"),
            "<p>a &lt;b&gt; &amp; &quot;c&quot;</p><p>&nbsp;</p><p>d &nbsp;e</p>"
        );
    }

    proptest! {
        /// Once cleaned, cleaning again changes nothing: nothing dangerous hides one level down.
        #[test]
        fn cleaning_is_stable_and_never_panics(html in "[<>/a-c \"'=&;#!-]{0,40}|\\PC{0,60}") {
            let once = reserialise(&html);
            prop_assert_eq!(reserialise(&once), once.clone());
        }

        #[test]
        fn what_is_typed_is_what_is_read(text in "[ -~äß🙂]{1,40}") {
            let read = plain(&typed(&text));
            prop_assert_eq!(read.trim_end(), text.trim_end());
        }
    }
}
