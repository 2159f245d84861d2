//! Teams' markup to plain text and back. Total: whatever it is given, it returns, in linear time.

use std::collections::BTreeMap;

use subtwin_kernel::{Span, Words};
use unicode_normalization::UnicodeNormalization as _;

/// What a person reads in a message's HTML: quoted and attached parts left out, one line per
/// paragraph, otherwise as [`plain`].
#[must_use]
pub fn read(html: &str) -> String {
    let text = String::with_capacity(html.len());
    let mut reader = Reader { rest: html, text, hidden: BTreeMap::new() };
    while !reader.rest.is_empty() {
        reader.step();
    }
    plain(&reader.text)
}

/// Text in the form in which it is compared: NFKC, no invisible characters, lines trimmed, runs of
/// blanks as one.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    let mut pending = None;
    // Before, so that what they keep apart is composed; after, for those that NFKC makes.
    let seen = text.chars().filter(|c| !is_invisible(*c)).nfkc().filter(|c| !is_invisible(*c));
    for c in seen {
        if c == '\n' || c == '\r' || c == '\u{2028}' || c == '\u{2029}' {
            pending = Some('\n');
        } else if c.is_whitespace() {
            pending = pending.or(Some(' '));
        } else {
            if let Some(blank) = pending.take()
                && !lines.is_empty()
            {
                lines.push(blank);
            }
            lines.push(c);
        }
    }
    lines
}

/// What the twin says, as Teams markup.
#[must_use]
pub fn write(words: &Words) -> String {
    let mut html = String::new();
    for paragraph in words.paragraphs() {
        html.push_str("<p>");
        for span in paragraph {
            match span {
                Span::Plain(text) => escape(text, &mut html),
                Span::Strong(text) => {
                    html.push_str("<b>");
                    escape(text, &mut html);
                    html.push_str("</b>");
                }
                Span::Talk(text) => {
                    html.push_str("<i>» ");
                    escape(text, &mut html);
                    html.push_str("</i>");
                }
                Span::Secret(secret) => {
                    html.push_str("<code>");
                    escape(secret.expose(), &mut html);
                    html.push_str("</code>");
                }
            }
        }
        html.push_str("</p>");
    }
    html
}

fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' | '\r' => html.push_str("<br>"),
            c if c.is_control() && c.is_whitespace() => html.push(' '),
            c if c.is_control() => {}
            // Nobody sees it, or it reorders what stands around it. Names come here with such
            // characters already made visible.
            c if is_invisible(c) => {}
            c => html.push(c),
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    text: String,
    /// How many elements that hide what they hold are open, by kind. Each kind must be closed as
    /// often as it was opened: broken markup hides too much rather than too little.
    hidden: BTreeMap<Hidden, usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hidden {
    Attachment,
    Blockquote,
    Script,
    Style,
    Head,
    Title,
}

impl Hidden {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "attachment" => Self::Attachment,
            "blockquote" => Self::Blockquote,
            "script" => Self::Script,
            "style" => Self::Style,
            "head" => Self::Head,
            "title" => Self::Title,
            _ => return None,
        })
    }
}

impl<'a> Reader<'a> {
    /// Reads one tag, comment, entity or run of text. Always takes at least one character.
    fn step(&mut self) {
        let (text, rest) = split(self.rest, self.rest.find(['<', '&']).unwrap_or(self.rest.len()));
        self.say(text);
        self.rest = rest;
        if let Some(after) = rest.strip_prefix("<!--") {
            self.rest = after.find("-->").map_or("", |end| split(after, end + 3).1);
        } else if let Some(after) = rest.strip_prefix('<') {
            if after.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)) {
                let (tag, after) = tag(after);
                self.rest = after;
                self.open_or_close(tag);
            } else {
                self.say("<");
                self.rest = after;
            }
        } else if let Some(after) = rest.strip_prefix('&') {
            let (c, after) = entity(after).unwrap_or(('&', after));
            self.say(c.encode_utf8(&mut [0; 4]));
            self.rest = after;
        }
    }

    fn open_or_close(&mut self, tag: &'a str) {
        let (closing, inner) = match tag.strip_prefix('/') {
            Some(inner) => (true, inner),
            None => (false, tag),
        };
        let end = inner.find(|c: char| c.is_ascii_whitespace() || c == '/').unwrap_or(inner.len());
        let (name, attributes) = split(inner, end);
        // The longest name that means anything here has ten letters.
        if name.len() > 10 {
            return;
        }
        let name = name.to_ascii_lowercase();
        if let Some(element) = Hidden::named(&name) {
            self.say("\n");
            // `<attachment/>` holds nothing. Of the others HTML ignores the slash.
            let empty = element == Hidden::Attachment && attributes.ends_with('/');
            if closing {
                self.close(element);
            } else if !empty {
                *self.hidden.entry(element).or_default() += 1;
            }
        } else if BLOCKS.contains(&name.as_str()) {
            self.say("\n");
        } else if name == "emoji" && !closing {
            self.say_attribute(attributes, "alt");
        } else if matches!(name.as_str(), "td" | "th" | "img") {
            self.say(" ");
        }
    }

    fn close(&mut self, element: Hidden) {
        if let Some(open) = self.hidden.get_mut(&element) {
            *open -= 1;
            if *open == 0 {
                self.hidden.remove(&element);
            }
        }
    }

    fn say(&mut self, text: &str) {
        if self.hidden.is_empty() {
            self.text.push_str(text);
        }
    }

    /// Says a quoted attribute's value.
    fn say_attribute(&mut self, mut attributes: &str, name: &str) {
        while let Some((before, after)) = attributes.split_once('=') {
            let quote = if after.starts_with('\'') { '\'' } else { '"' };
            let Some((value, rest)) = after.strip_prefix(quote).and_then(|v| v.split_once(quote))
            else {
                return;
            };
            if before.trim() == name {
                let mut value = value;
                while let Some((text, after)) = value.split_once('&') {
                    self.say(text);
                    let (c, after) = entity(after).unwrap_or(('&', after));
                    self.say(c.encode_utf8(&mut [0; 4]));
                    value = after;
                }
                self.say(value);
                return;
            }
            attributes = rest;
        }
    }
}

/// Splits a tag, without its `<` and `>`, from what follows. A `>` in a quoted value does not end
/// it; a tag that never ends takes everything.
fn tag(text: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '>' => return (split(text, at).0, split(text, at + 1).1),
            // Only after `=`: an apostrophe elsewhere in a tag quotes nothing.
            None if (c == '"' || c == '\'') && split(text, at).0.trim_end().ends_with('=') => {
                quote = Some(c);
            }
            None => {}
        }
    }
    (text, "")
}

/// Reads a character reference, without its `&`.
fn entity(text: &str) -> Option<(char, &str)> {
    let end = text.bytes().take(LONGEST_ENTITY).position(|b| b == b';')?;
    let name = text.get(..end)?;
    let number = match name.strip_prefix('#') {
        Some(digits) => match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        },
        None => None,
    };
    let c = match (number, name) {
        (Some(number), _) => char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER),
        (None, "amp") => '&',
        (None, "lt") => '<',
        (None, "gt") => '>',
        (None, "quot") => '"',
        (None, "apos") => '\'',
        (None, "nbsp") => '\u{a0}',
        (None, "ensp" | "emsp" | "thinsp") => ' ',
        (None, "shy") => '\u{ad}',
        (None, "zwj") => '\u{200d}',
        (None, "zwnj") => '\u{200c}',
        (None, "ndash") => '–',
        (None, "mdash") => '—',
        (None, "hellip") => '…',
        (None, "lsquo") => '‘',
        (None, "rsquo") => '’',
        (None, "ldquo") => '“',
        (None, "rdquo") => '”',
        (None, "bull") => '•',
        (None, "middot") => '·',
        (None, "laquo") => '«',
        (None, "raquo") => '»',
        (None, "euro") => '€',
        (None, "pound") => '£',
        (None, "sect") => '§',
        (None, "copy") => '©',
        (None, "reg") => '®',
        (None, "deg") => '°',
        (None, "auml") => 'ä',
        (None, "ouml") => 'ö',
        (None, "uuml") => 'ü',
        (None, "Auml") => 'Ä',
        (None, "Ouml") => 'Ö',
        (None, "Uuml") => 'Ü',
        (None, "szlig") => 'ß',
        (None, "eacute") => 'é',
        (None, "egrave") => 'è',
        (None, "agrave") => 'à',
        (None, "ccedil") => 'ç',
        (None, "ntilde") => 'ñ',
        _ => return None,
    };
    Some((c, text.get(end + 1..)?))
}

/// Splits at a byte offset; at the end when it is not one.
fn split(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// Characters nobody sees: controls that hide in or reorder a text.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

const BLOCKS: [&str; 20] = [
    "p",
    "br",
    "div",
    "li",
    "ul",
    "ol",
    "tr",
    "table",
    "pre",
    "hr",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "section",
    "article",
    "codeblock",
    "dl",
];

const LONGEST_ENTITY: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use subtwin_kernel::Words;

    use super::{plain, read, write};

    #[test]
    fn what_the_teams_client_writes_reads_as_it_was_typed() {
        for (html, text) in [
            ("<p>Hi</p>", "Hi"),
            (
                "<p>Sarah starts Monday,&nbsp;give her an E3</p>",
                "Sarah starts Monday, give her an E3",
            ),
            ("<div><div>yes</div>\n</div>", "yes"),
            ("<p>one<br>two<br/>three</p><p>four</p>", "one\ntwo\nthree\nfour"),
            ("<p><at id=\"0\">Sam</at>&nbsp;give <b>Doug</b> an E3</p>", "Sam give Doug an E3"),
            ("<p><at id=\"0\">Sam</at> <at id=\"1\">Twin</at> hi</p>", "Sam Twin hi"),
            ("R&amp;D &lt;core&gt; &#38; &#x26; &quot;x&quot;", "R&D <core> & & \"x\""),
            ("<p>fine <emoji id=\"smile\" alt=\"🙂\" title=\"Smile\"></emoji></p>", "fine 🙂"),
            ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
            ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
            ("<p>y\u{200b}e\u{ad}s\u{feff}</p>", "yes"),
            ("<p>ｙｅｓ</p>", "yes"),
            ("<p>\u{202e}sey</p>", "sey"),
            ("<p>see <a href=\"https://x.test/?a=1&b=2\">this</a></p>", "see this"),
            ("<img src=\"../hostedContents/1/$value\" alt=\"yes\">", ""),
            ("", ""),
        ] {
            assert_eq!(read(html), text, "{html}");
        }
    }

    #[test]
    fn what_is_quoted_or_attached_was_not_said() {
        for html in [
            "<attachment id=\"1\">yes</attachment>",
            "<blockquote>yes</blockquote>",
            "<BLOCKQUOTE itemtype=\"x\">yes</BlockQuote>",
            "<blockquote><blockquote>a</blockquote>yes</blockquote>",
            "<blockquote><p>yes",
            "<blockquote/>yes</blockquote>",
            "<blockquote><attachment></blockquote>yes",
            "<blockquote>a</attachment>yes</blockquote>",
            "<!-- yes -->",
            "<!-- yes",
            "<script>yes</script><style>yes</style>",
            "<p title=\"yes\"></p>",
            "<p title=\">yes\"></p>",
            "<p title='\">yes'></p>",
        ] {
            assert_eq!(read(html), "", "{html}");
        }
        let deep = "<blockquote>".repeat(500) + "a" + &"</blockquote>".repeat(499) + "yes";
        assert_eq!(read(&deep), "");
        assert_eq!(read("<attachment id=\"1\"></attachment><p>no</p>"), "no");
        assert_eq!(read("<attachment id=\"1\"/><p>no</p>"), "no");
        assert_eq!(read("</blockquote><p>no</p>"), "no");
        assert_eq!(read("<blockquote>yes</blockquote>no"), "no");
    }

    #[test]
    fn broken_markup_is_read_as_text_where_it_is_text() {
        for (html, text) in [
            ("a < b & c > d", "a < b & c > d"),
            ("1 <2", "1 <2"),
            ("a &unknown; b &", "a &unknown; b &"),
            ("&#0;&#xD800;&#99999999999;", "\u{fffd}&#99999999999;"),
            ("it's <b>Sam's</b> <i don't>x</i>", "it's Sam's x"),
            ("<", "<"),
            ("</", ""),
        ] {
            assert_eq!(read(html), text, "{html}");
        }
    }

    #[test]
    fn what_the_twin_says_cannot_become_markup() {
        let words = Words::strong("Doug <b>").line("a & \"b\"\n'c'").fact("Who", "</p><at>x");
        insta::assert_snapshot!(write(&words), @r#"<p><b>Doug &lt;b&gt;</b></p><p>a &amp; &quot;b&quot;<br>&#39;c&#39;</p><p><b>Who: </b>&lt;/p&gt;&lt;at&gt;x</p>"#);
    }

    #[test]
    fn long_hostile_markup_is_read_in_linear_time() {
        // Quadratic reading of any of these would take minutes.
        for piece in [
            "<",
            "<a ",
            "&",
            "&#",
            "<!--",
            "<p a=\"",
            "<blockquote>",
            "</head>",
            "='",
            "<emoji alt=",
            "\u{fdfa}",
        ] {
            let _ = read(&piece.repeat(100_000));
        }
        let _ = read(&("<blockquote>".repeat(50_000) + &"</head>".repeat(50_000)));
        let _ = read(&format!("<p {}>", " \"".repeat(100_000)));
        let _ = read(&format!("<p {}\">", " ".repeat(200_000)));
        let _ = read(&format!("<emoji {}>", "a=\"\"".repeat(50_000)));
    }

    proptest! {
        #[test]
        fn anything_can_be_read(html in "(?s)(<|>|/|&|;|\"|'|=|!--|-->|p|at|emoji alt|blockquote|attachment|#x?[0-9a-f]{0,9}|.){0,80}") {
            let text = read(&html);
            prop_assert_eq!(plain(&text), text.clone(), "reading is idempotent");
            prop_assert!(text.trim() == text, "nothing around it");
        }

        #[test]
        fn what_the_twin_says_reads_as_it_was_meant(lines in proptest::collection::vec("(?s).{0,30}", 0..4)) {
            let words = lines.iter().fold(Words::default(), |words, line| words.fact("a", line));
            prop_assert_eq!(read(&write(&words)), plain(&words.to_text()));
        }

        #[test]
        fn a_quoted_text_is_never_said(before in "[a-z ]{0,9}", quoted in "[^<>]{0,20}", after in "[a-z ]{0,9}") {
            let html = format!("<p>{before}</p><blockquote>{quoted}</blockquote><p>{after}</p>");
            prop_assert_eq!(read(&html), plain(&format!("{before}\n{after}")));
        }
    }
}
