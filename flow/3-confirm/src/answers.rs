//! Reading a yes. What counts as one is data: `answers.tsv`, a phrase a line.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A language in which a yes may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Language {
    English,
    German,
    French,
    Spanish,
    Dutch,
    Portuguese,
    Italian,
    Polish,
    Japanese,
}

/// What a reply to a prompt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An unmistakable yes and nothing else.
    Yes,
    /// An unmistakable no and nothing else.
    No,
    /// A yes or a no that goes on ("yes, but for Bob"): what was shown is not wanted, and this may
    /// be. The rest of it.
    Instead(String),
    /// Anything else: a question, a new request.
    Other,
}

/// The phrases that count in the languages of one tenant.
#[derive(Clone, Debug)]
pub struct Answers {
    languages: BTreeSet<Language>,
    yes: BTreeSet<&'static str>,
    no: BTreeSet<&'static str>,
    but: BTreeSet<&'static str>,
}

impl Answers {
    /// What counts in these languages; English where there is none.
    #[must_use]
    pub fn new(languages: impl IntoIterator<Item = Language>) -> Self {
        let mut languages: BTreeSet<Language> = languages.into_iter().collect();
        if languages.is_empty() {
            languages.insert(Language::English);
        }
        let mut answers =
            Self { languages, yes: BTreeSet::new(), no: BTreeSet::new(), but: BTreeSet::new() };
        for (language, kind, phrase) in rows() {
            if !answers.languages.contains(&language) {
                continue;
            }
            match kind {
                "yes" => answers.yes.insert(phrase),
                "no" => answers.no.insert(phrase),
                _ => answers.but.insert(phrase),
            };
        }
        answers
    }

    /// Reads a reply. The whole text must be one of the accepted phrases; a phrase inside a
    /// sentence is none.
    ///
    /// ```
    /// use subtwin_confirm::{Answer, Answers, Language};
    /// let answers = Answers::new([Language::English]);
    /// assert_eq!(answers.read("Yes, please!"), Answer::Yes);
    /// assert_eq!(answers.read("yes, but for Bob"), Answer::Instead("but for Bob".to_owned()));
    /// assert_eq!(answers.read("ja"), Answer::Other);
    /// ```
    #[must_use]
    pub fn read(&self, text: &str) -> Answer {
        let said = normal(text);
        if self.no.contains(said.as_str()) {
            return Answer::No;
        }
        if self.yes.contains(said.as_str()) {
            return Answer::Yes;
        }
        self.instead(text).map_or(Answer::Other, Answer::Instead)
    }

    /// The words of assent to name in a prompt, one for each language.
    #[must_use]
    pub fn yes_words(&self) -> Vec<&'static str> {
        self.first_words("yes")
    }

    /// The words of refusal to name in a prompt, one for each language.
    #[must_use]
    pub fn no_words(&self) -> Vec<&'static str> {
        self.first_words("no")
    }

    fn first_words(&self, wanted: &str) -> Vec<&'static str> {
        let mut words = Vec::new();
        for language in &self.languages {
            let first = rows().find(|(of, kind, _)| of == language && *kind == wanted);
            if let Some((_, _, phrase)) = first
                && !words.contains(&phrase)
            {
                words.push(phrase);
            }
        }
        words
    }

    /// "Yes, but …", "no, F3 instead": an answer, then a joining word or a comma, then more.
    fn instead(&self, text: &str) -> Option<String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let longest = words.len().saturating_sub(1).min(4);
        (1..=longest).rev().find_map(|length| {
            let (head, rest) = words.split_at_checked(length)?;
            let said = normal(&head.join(" "));
            let parted = head.last()?.ends_with([',', '.', '!', ';', ':', '\u{3001}']);
            let joined = self.but.contains(normal(rest.first()?).as_str());
            let answer = self.yes.contains(said.as_str()) || self.no.contains(said.as_str());
            (answer && (parted || joined)).then(|| rest.join(" "))
        })
    }
}

fn rows() -> impl Iterator<Item = (Language, &'static str, &'static str)> {
    TABLE.lines().filter_map(|line| {
        let mut cells = line.split('\t');
        Some((cells.next()?.parse().ok()?, cells.next()?, cells.next()?))
    })
}

/// Lower case, commas and sentence ends dropped, inner white space single. The channel has already
/// removed markup and quotes and applied NFKC.
fn normal(text: &str) -> String {
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, ',' | '.' | '!' | '\u{A1}' | '\u{3002}' | '\u{3001}' | ';' | ':'))
        .flat_map(char::to_lowercase)
        .map(|c| if c == '\u{2019}' { '\'' } else { c })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Language {
    /// Every language whose phrases are shipped.
    pub const ALL: [Self; 9] = [
        Self::English,
        Self::German,
        Self::French,
        Self::Spanish,
        Self::Dutch,
        Self::Portuguese,
        Self::Italian,
        Self::Polish,
        Self::Japanese,
    ];

    /// Its code (ISO 639-1).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
            Self::Dutch => "nl",
            Self::Portuguese => "pt",
            Self::Italian => "it",
            Self::Polish => "pl",
            Self::Japanese => "ja",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A language whose phrases are not shipped.
#[derive(Debug, thiserror::Error)]
#[error("no words for yes and no are known in `{0}`; known are en, de, fr, es, nl, pt, it, pl, ja")]
pub struct UnknownLanguage(String);

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(code: &str) -> Result<Self, UnknownLanguage> {
        Self::ALL
            .into_iter()
            .find(|language| language.code() == code)
            .ok_or_else(|| UnknownLanguage(code.chars().take(20).collect()))
    }
}

const TABLE: &str = include_str!("answers.tsv");

#[cfg(test)]
mod tests {
    use super::*;

    fn english() -> Answers {
        Answers::new([])
    }

    #[test]
    fn only_a_bare_yes_is_a_yes() {
        for yes in ["yes", "Yes.", "YES!", " yes ", "yes, please", "Go ahead!"] {
            assert_eq!(english().read(yes), Answer::Yes, "{yes}");
        }
        for other in [
            "yes?",
            "not yes",
            "say yes",
            "\"yes\"",
            "yesterday",
            "ye s",
            "yes yes",
            "ok",
            "",
            "1",
            "yes\u{200b}no",
            "y\u{435}s",
        ] {
            assert_eq!(english().read(other), Answer::Other, "{other}");
        }
    }

    #[test]
    fn a_yes_that_goes_on_is_no_yes_but_something_else_instead() {
        for (said, rest) in [
            ("yes but not Sarah", "but not Sarah"),
            ("yes and also Bob", "and also Bob"),
            ("Yes, but for somebody else", "but for somebody else"),
            ("yes, E5", "E5"),
            ("no, F3 instead", "F3 instead"),
            ("no thanks, Bob please", "Bob please"),
        ] {
            assert_eq!(english().read(said), Answer::Instead(rest.to_owned()), "{said}");
        }
    }

    #[test]
    fn a_no_in_its_usual_words_is_a_no() {
        for no in ["no", "No, thanks.", "never mind", "Don\u{2019}t", "cancel", "STOP!"] {
            assert_eq!(english().read(no), Answer::No, "{no}");
        }
    }

    #[test]
    fn every_language_has_its_own_words_and_only_the_tenants_languages_count() {
        for (language, yes, no) in [
            (Language::German, "Ja, bitte!", "Nein."),
            (Language::French, "Oui", "non merci"),
            (Language::Spanish, "Sí", "No, gracias"),
            (Language::Dutch, "ja graag", "Nee"),
            (Language::Portuguese, "Sim.", "Não"),
            (Language::Italian, "Sì", "annulla"),
            (Language::Polish, "Tak!", "nie"),
            (Language::Japanese, "はい。", "いいえ"),
        ] {
            let answers = Answers::new([language]);
            assert_eq!(answers.read(yes), Answer::Yes, "{language}: {yes}");
            assert_eq!(answers.read(no), Answer::No, "{language}: {no}");
            assert_ne!(english().read(yes), Answer::Yes, "{yes} is no English");
        }
    }

    #[test]
    fn no_phrase_is_a_yes_in_one_language_and_a_no_in_another() {
        let of = |wanted| rows().filter(move |(_, kind, _)| *kind == wanted);
        for (language, _, yes) in of("yes") {
            for (other, _, no) in of("no") {
                assert_ne!(yes, no, "a yes in {language}, a no in {other}");
            }
        }
        let all = Answers::new(Language::ALL);
        assert!(!all.yes.contains("no"), "colloquial Polish; everywhere else a refusal");
    }

    #[test]
    fn the_table_is_complete_and_in_the_form_it_is_compared_in() {
        assert_eq!(rows().count(), TABLE.lines().count(), "a line of another shape");
        for language in Language::ALL {
            for wanted in ["yes", "no", "but"] {
                let count =
                    rows().filter(|(of, kind, _)| *of == language && *kind == wanted).count();
                assert!(count >= 3, "{language} has {count} of {wanted}");
            }
        }
        for (language, kind, phrase) in rows() {
            assert!(["yes", "no", "but"].contains(&kind), "{kind}");
            assert_eq!(normal(phrase), phrase, "{language}");
        }
    }
}
