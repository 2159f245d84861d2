/// A run of text in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Ordinary text.
    Plain(String),
    /// Emphasised text.
    Strong(String),
}

/// One paragraph: spans in reading order.
pub type Paragraph = Vec<Span>;

/// What the twin says. Plain data: only a channel turns it into markup, and escapes it there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(Vec<Paragraph>);

impl Words {
    /// One paragraph of ordinary text.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![vec![Span::Plain(text.into())]])
    }

    /// One paragraph of emphasised text.
    #[must_use]
    pub fn strong(text: impl Into<String>) -> Self {
        Self(vec![vec![Span::Strong(text.into())]])
    }

    /// Adds a paragraph of ordinary text.
    #[must_use]
    pub fn line(mut self, text: impl Into<String>) -> Self {
        self.0.push(vec![Span::Plain(text.into())]);
        self
    }

    /// Adds a paragraph: a label, then its value.
    #[must_use]
    pub fn fact(mut self, label: &str, value: impl Into<String>) -> Self {
        self.0.push(vec![Span::Strong(format!("{label}: ")), Span::Plain(value.into())]);
        self
    }

    /// Adds everything that `more` says.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    /// The paragraphs, in reading order.
    #[must_use]
    pub fn paragraphs(&self) -> &[Paragraph] {
        &self.0
    }

    /// The text without styles, one line per paragraph.
    #[must_use]
    pub fn to_text(&self) -> String {
        let lines = self.0.iter().map(|paragraph| {
            paragraph
                .iter()
                .map(|span| match span {
                    Span::Plain(text) | Span::Strong(text) => text.as_str(),
                })
                .collect::<String>()
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
