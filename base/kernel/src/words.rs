use crate::Secret;

/// A run of text in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// What a brain says. Shown visibly apart from what the gate says, so that no model can speak in
    /// its voice.
    Talk(String),
    /// A new password or access pass. Only a channel lets it out, into the message it posts.
    Secret(Secret),
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

    /// Adds a paragraph of a brain's own words.
    #[must_use]
    pub fn talk(mut self, text: impl Into<String>) -> Self {
        self.0.push(vec![Span::Talk(text.into())]);
        self
    }

    /// Adds a paragraph that is a secret.
    #[must_use]
    pub fn secret(mut self, secret: Secret) -> Self {
        self.0.push(vec![Span::Secret(secret)]);
        self
    }

    /// Adds everything that `more` says.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    /// The same, with a mark in front: whoever speaks in another's name says so.
    #[must_use]
    pub fn marked(mut self, mark: &str) -> Self {
        match self.0.first_mut() {
            Some(first) => first.insert(0, Span::Plain(mark.to_owned())),
            None => self.0.push(vec![Span::Plain(mark.to_owned())]),
        }
        self
    }

    /// The paragraphs, in reading order.
    #[must_use]
    pub fn paragraphs(&self) -> &[Paragraph] {
        &self.0
    }

    /// The text without styles, one line per paragraph. A secret is left out.
    #[must_use]
    pub fn to_text(&self) -> String {
        let lines = self.0.iter().map(|paragraph| {
            paragraph
                .iter()
                .map(|span| match span {
                    Span::Plain(text) | Span::Strong(text) | Span::Talk(text) => text.as_str(),
                    Span::Secret(_) => "…",
                })
                .collect::<String>()
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
