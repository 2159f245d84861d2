//! Changes of a profile: whose, which properties, and the new values as they were typed.
//!
//! A value is anybody's text. It ends where its clause ends, nothing in it is read as a request,
//! and where its end is in doubt there is no change at all: quotes make it clear.

use std::collections::BTreeMap;

use subtwin_kernel::{Property, Who};

use super::catalog::VERBS;
use super::lexicon::{GRAMMAR, TIMES};
use super::slots;
use super::token::{Kind, Line, Token};

/// Most words in a value without quotes.
const LONGEST_VALUE: usize = 12;

/// What a clause says a profile shall say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Whose; nobody when that was not said.
    pub(super) people: Vec<Who>,
    /// New values; an empty one clears.
    pub(super) set: BTreeMap<Property, String>,
    /// A property that is to change, and nobody said to what.
    pub(super) wanting: Option<Property>,
    /// The last value has no quotes around it: what follows it could be more of it.
    pub(super) open_end: bool,
}

/// Why a clause is no change of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is something else.
    Other,
    /// A property's name that could be several: the question to put.
    Vague(&'static str),
    /// A value that only quotes make clear.
    Unended,
}

/// Reads a whole clause.
pub(super) fn read(line: &Line, clause: &[Token]) -> Result<Change, Unread> {
    let (first, rest) = clause.split_first().ok_or(Unread::Other)?;
    let mut vague = Unread::Other;
    let mut keep = |result: Result<Change, Unread>| match result {
        Ok(change) => Some(change),
        Err(Unread::Other) => None,
        Err(found @ (Unread::Vague(_) | Unread::Unended)) => {
            vague = found;
            None
        }
    };
    if first.means_any(SETTERS) {
        let found = keep(assignments(line, rest, &["to", "as"], true))
            .or_else(|| keep(value_first(line, rest)))
            .or_else(|| keep(without_value(line, rest)));
        if let Some(change) = found {
            return Ok(change);
        }
    }
    if first.means_any(CLEARERS)
        && let Some(change) = keep(cleared(line, rest))
    {
        return Ok(change);
    }
    if let Some(change) = keep(statement(line, clause)).or_else(|| keep(called(line, clause))) {
        return Ok(change);
    }
    Err(vague)
}

/// More of a change: "and her department to Sales", "the office to Building 2".
pub(super) fn more(line: &Line, tokens: &[Token]) -> Option<Change> {
    assignments(line, tokens, &["to", "is", "as"], true).ok()
}

/// A value that stands alone, as the answer to a question.
pub(super) fn value(line: &Line, tokens: &[Token]) -> Option<String> {
    is_value(line, tokens).then(|| said(line, tokens))
}

/// "Ann's job title to Sales Lead", "department of Ann to Finance and office to Building 2".
fn assignments(
    line: &Line,
    tokens: &[Token],
    links: &[&str],
    begins: bool,
) -> Result<Change, Unread> {
    let mut result = Err(Unread::Other);
    let is_link = |token: &Token| token.is_any(links) || begins && is_colon(token);
    for at in tokens.iter().enumerate().filter(|(_, t)| is_link(t)).map(|(at, _)| at) {
        let (Some(target), Some(after)) = (tokens.get(..at), tokens.get(at + 1..)) else { break };
        let (people, property) = match targeted(line, without_old(line, target)) {
            Ok(found) => found,
            Err(Unread::Other | Unread::Unended) => continue,
            Err(vague @ Unread::Vague(_)) => return Err(vague),
        };
        result = assigned(line, people, property, after, links, begins);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// "Ann's department *from Research*": what it says now is looked up and not taken from anybody.
fn without_old<'t>(line: &Line, target: &'t [Token]) -> &'t [Token] {
    let from = target.iter().position(|token| token.is("from"));
    match from.and_then(|at| target.split_at_checked(at)) {
        Some((named, [_, old @ ..]))
            if is_value(line, old)
                && targeted(line, named).is_ok_and(|(people, _)| !people.is_empty())
                && named.iter().any(|token| token.kind == Kind::Possessive) =>
        {
            named
        }
        Some(_) | None => target,
    }
}

fn is_colon(token: &Token) -> bool {
    token.kind == Kind::Stop && token.low == ":"
}

/// The value, and what follows it if that is another assignment.
fn assigned(
    line: &Line,
    people: Vec<Who>,
    property: Property,
    after: &[Token],
    links: &[&str],
    begins: bool,
) -> Result<Change, Unread> {
    for at in after.iter().enumerate().skip(1).filter(|(_, t)| is_joint(t)).map(|(at, _)| at) {
        let (Some(value), Some(rest)) = (after.get(..at), after.get(at + 1..)) else { break };
        // ", and": the comma has ended the value.
        let value = match value {
            [value @ .., comma] if comma.kind == Kind::Comma => value,
            value => value,
        };
        let rest = match rest {
            [set, rest @ ..] if set.is_any(SETTERS) => rest,
            rest => rest,
        };
        if !is_value(line, value) {
            continue;
        }
        let Ok(mut change) = assignments(line, rest, links, false) else { continue };
        let same = change.people.is_empty() || is_their(&change.people, &people);
        if !same || change.set.contains_key(&property) {
            continue;
        }
        change.people = people;
        change.set.insert(property, said(line, value));
        return Ok(change);
    }
    let (mut people, mut value) = (people, after);
    // "Set the department to Finance for Ann."
    if people.is_empty()
        && begins
        && let Some(at) = after.iter().rposition(|token| token.is_any(&["for", "of"]))
        && let (Some(before), Some(whom)) = (after.get(..at), after.get(at + 1..))
        && let Some(found) = slots::qualified_people(line, whom)
    {
        (people, value) = (found, before);
    }
    if !is_value(line, value) {
        let other = |token: &Token| {
            token.is_any(CONDITIONS) && !token.is_any(&["and", "as", "then"])
                || TIMES.contains(token.low.as_str())
        };
        let unended = !value.is_empty() && !value.iter().any(other);
        return Err(if unended { Unread::Unended } else { Unread::Other });
    }
    if matches!(value, [one] if one.is_any(&["none", "blank", "empty", "null"])) {
        return Err(Unread::Vague(CLEARED));
    }
    let set = BTreeMap::from([(property, said(line, value))]);
    Ok(Change { people, set, wanting: None, open_end: !is_quoted(value) })
}

/// "Her", after somebody was named.
fn is_their(these: &[Who], before: &[Who]) -> bool {
    let pronoun = |who: &Who| matches!(who, Who::Named(name) if crate::refer::is_pronoun(name));
    these == before || these.iter().all(pronoun) && !before.is_empty()
}

/// "+1 425 555 0100 as Ann's mobile".
fn value_first(line: &Line, tokens: &[Token]) -> Result<Change, Unread> {
    let at = tokens.iter().rposition(|token| token.is("as")).ok_or(Unread::Other)?;
    let (value, target) = tokens.split_at_checked(at).ok_or(Unread::Other)?;
    let (people, property) = targeted(line, target.get(1..).unwrap_or_default())?;
    if !is_value(line, value) {
        return Err(Unread::Other);
    }
    let set = BTreeMap::from([(property, said(line, value))]);
    Ok(Change { people, set, wanting: None, open_end: false })
}

/// "Ann's job title".
fn without_value(line: &Line, tokens: &[Token]) -> Result<Change, Unread> {
    let (people, property) = targeted(line, tokens)?;
    Ok(Change { people, set: BTreeMap::new(), wanting: Some(property), open_end: false })
}

/// "Ann's office location", "the mobile number and job title of Ann".
fn cleared(line: &Line, tokens: &[Token]) -> Result<Change, Unread> {
    let named = |tokens: &[Token]| {
        let items = tokens.split(|token| token.is("and") || token.kind == Kind::Comma);
        items.map(property).collect::<Result<Vec<_>, _>>()
    };
    let by_owner = (1..tokens.len()).find_map(|at| {
        let (owner, names) = tokens.split_at_checked(at)?;
        Some((slots::owners(line, owner)?, named(names)))
    });
    let of = || {
        let at = tokens.iter().position(|token| token.is_any(&["of", "for", "from"]))?;
        let (names, whom) = tokens.split_at_checked(at)?;
        Some((slots::qualified_people(line, whom.get(1..)?)?, named(names)))
    };
    let (people, names) = by_owner.or_else(of).ok_or(Unread::Other)?;
    let set = names?.into_iter().map(|property| (property, String::new())).collect();
    Ok(Change { people, set, wanting: None, open_end: false })
}

/// "Ann's new mobile is +1 425 555 0100", "Ann's department should be Sales".
fn statement(line: &Line, clause: &[Token]) -> Result<Change, Unread> {
    for (phrase, needs_new) in CLAIMS {
        let at = (1..clause.len()).find(|at| {
            let here = clause.get(*at..*at + phrase.len());
            here.is_some_and(|here| here.iter().zip(*phrase).all(|(t, word)| t.is(word)))
        });
        let Some(at) = at else { continue };
        let (target, value) = clause.split_at_checked(at).ok_or(Unread::Other)?;
        let is_new = target.iter().any(|token| token.is("new"));
        if *needs_new && !is_new {
            continue;
        }
        let (people, property) = targeted(line, target)?;
        // It must be somebody's: "the new office is Building 2" tells and does not ask.
        if people.is_empty() {
            return Err(Unread::Other);
        }
        let value = value.get(phrase.len()..).unwrap_or_default();
        return assigned(line, people, property, value, &["is", "to"], false);
    }
    // "Ann's new mobile: +1 425 555 0100".
    let at = clause.iter().position(is_colon).ok_or(Unread::Other)?;
    let (target, value) = clause.split_at_checked(at).ok_or(Unread::Other)?;
    // "Ann has a new mobile: …" says the same.
    let has = target.iter().position(|token| token.is_any(&["has", "have"]));
    let (people, property) = match has.and_then(|at| target.split_at_checked(at)) {
        Some((whom, [_, a, name @ ..])) if a.is("a") => {
            (slots::people(line, whom).ok_or(Unread::Other)?, property(name)?)
        }
        Some(_) | None => targeted(line, target)?,
    };
    if people.is_empty() || !target.iter().any(|token| token.is("new")) {
        return Err(Unread::Other);
    }
    assigned(line, people, property, value.get(1..).unwrap_or_default(), &["is", "to"], false)
}

/// "Ann is now called Ann Baker".
fn called(line: &Line, clause: &[Token]) -> Result<Change, Unread> {
    let phrase = |at: usize| {
        CALLED.iter().find(|phrase| {
            let here = clause.get(at..at + phrase.len());
            here.is_some_and(|here| here.iter().zip(**phrase).all(|(t, word)| t.is(word)))
        })
    };
    let found = (1..clause.len()).find_map(|at| Some((at, phrase(at)?)));
    let (at, phrase) = found.ok_or(Unread::Other)?;
    let (whom, value) = clause.split_at_checked(at).ok_or(Unread::Other)?;
    let people = slots::people(line, whom).ok_or(Unread::Other)?;
    let value = value.get(phrase.len()..).unwrap_or_default();
    assigned(line, people, Property::DisplayName, value, &["is", "to"], false)
}

/// Whose, and which property: "Ann's job title", "the department of Ann", "her office".
fn targeted(line: &Line, tokens: &[Token]) -> Result<(Vec<Who>, Property), Unread> {
    let mut vague = Unread::Other;
    for at in 1..tokens.len() {
        let Some((owner, name)) = tokens.split_at_checked(at) else { break };
        let Some(people) = slots::owners(line, owner) else { continue };
        match property(name) {
            Ok(property) => return Ok((people, property)),
            // "Ann's manager's office": the owner goes on.
            Err(Unread::Other) => {}
            Err(found) => vague = found,
        }
    }
    if vague != Unread::Other {
        return Err(vague);
    }
    let of = tokens.iter().position(|token| token.is_any(&["of", "for"]));
    if let Some((name, whom)) = of.and_then(|at| tokens.split_at_checked(at)) {
        let people = slots::qualified_people(line, whom.get(1..).unwrap_or_default());
        return Ok((people.ok_or(Unread::Other)?, property(name)?));
    }
    Ok((Vec::new(), property(tokens)?))
}

/// The property that people call so.
fn property(tokens: &[Token]) -> Result<Property, Unread> {
    let little = |token: &&Token| token.is_any(&["the", "a", "her", "his", "their", "new", "my"]);
    let tokens = tokens.get(tokens.iter().take_while(little).count()..).unwrap_or_default();
    let names = |names: &[&str]| {
        names.iter().any(|name| {
            name.split(' ').count() == tokens.len()
                && name.split(' ').zip(tokens).all(|(word, token)| token.means_any(&[word]))
        })
    };
    if let Some((property, _)) = NAMES.iter().find(|(_, known)| names(known)) {
        return Ok(*property);
    }
    let vague = VAGUE.iter().find(|(_, known)| names(known));
    Err(vague.map_or(Unread::Other, |(question, _)| Unread::Vague(question)))
}

fn is_joint(token: &Token) -> bool {
    token.is_break() || token.is_any(&["and", "then", "also", "plus"])
}

fn is_quoted(tokens: &[Token]) -> bool {
    matches!(tokens, [one] if one.kind == Kind::Quoted)
}

/// Whether it can only be a value: in quotes, or without any word that could end or bend it.
fn is_value(line: &Line, tokens: &[Token]) -> bool {
    let fits = |token: &Token| match token.kind {
        Kind::Possessive => true,
        Kind::Quoted | Kind::Comma | Kind::Stop => false,
        Kind::Word => {
            let written = line.slice(std::slice::from_ref(token));
            let titled = written.starts_with(char::is_uppercase)
                && !written.chars().skip(1).any(char::is_uppercase);
            let low = token.low.as_str();
            let capital = written.starts_with(char::is_uppercase) && !CONDITIONS.contains(&low);
            let of_grammar = GRAMMAR.contains(low) && !matches!(low, "of" | "the" | "a");
            let asks = VERBS.contains(&low) && (!titled || STRONG.contains(&low));
            !asks
                && !TIMES.contains(low)
                && (!of_grammar || capital)
                && !token.is_any(&["and", "then", "so", "please"])
        }
    };
    let last_goes_on = tokens.last().is_some_and(|t| t.is_any(&["of", "the", "a", "&", "+"]));
    is_quoted(tokens)
        || (1..=LONGEST_VALUE).contains(&tokens.len()) && tokens.iter().all(fits) && !last_goes_on
}

/// The text as typed, in whatever case, without quotes around it.
fn said(line: &Line, tokens: &[Token]) -> String {
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return String::new() };
    if is_quoted(tokens) {
        return line.slice(tokens);
    }
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '!' | '?' | '"');
    let before = line.said.get(..first.start).unwrap_or_default();
    let start = before.rfind(ends).map_or(0, |at| at + 1);
    let after = line.said.get(last.end..).unwrap_or_default();
    let end = last.end + after.find(ends).unwrap_or(after.len());
    let text = line.said.get(start..end).or_else(|| line.said.get(first.start..last.end));
    let text = text.unwrap_or_default().trim_end_matches(['.', ':']);
    let bare = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    bare.unwrap_or(text).to_owned()
}

/// Words that open a change.
const SETTERS: &[&str] = &[
    "set", "change", "update", "make", "correct", "fix", "edit", "amend", "adjust", "switch",
    "add", "put", "enter", "use",
];

const CLEARERS: &[&str] = &["clear", "remove", "delete", "empty", "blank", "erase", "unset"];

/// What stands between a property and its value; whether it must be called new for that.
const CLAIMS: &[(&[&str], bool)] = &[
    (&["is", "now"], false),
    (&["should", "be"], false),
    (&["should", "now", "be"], false),
    (&["should", "say"], false),
    (&["must", "be"], false),
    (&["needs", "to", "be"], false),
    (&["needs", "to", "say"], false),
    (&["has", "changed", "to"], false),
    (&["changed", "to"], false),
    (&["is"], true),
    (&["will", "be"], true),
];

const CALLED: &[&[&str]] = &[
    &["is", "now", "called"],
    &["should", "be", "called"],
    &["should", "now", "be", "called"],
    &["wants", "to", "be", "called"],
    &["is", "to", "be", "called"],
];

/// Words that put a condition, however written.
const CONDITIONS: &[&str] = &[
    "and", "as", "because", "before", "after", "but", "except", "if", "instead", "neither",
    "never", "no", "nobody", "not", "once", "or", "so", "then", "unless", "until", "when",
    "whenever", "while", "without",
];

/// Verbs that no title starts a word with by chance.
const STRONG: &[&str] = &[
    "add", "assign", "block", "delete", "disable", "enable", "give", "grant", "issue", "remove",
    "reset", "revoke", "unblock",
];

/// What people call each property.
pub(super) const NAMES: &[(Property, &[&str])] = &[
    (Property::DisplayName, &["display name", "displayname", "displayed name"]),
    (Property::GivenName, &["first name", "given name", "forename", "firstname"]),
    (Property::Surname, &["last name", "surname", "family name", "lastname"]),
    (Property::JobTitle, &["job title", "jobtitle", "title", "position", "job position"]),
    (Property::Department, &["department", "dept", "department name"]),
    (Property::CompanyName, &["company", "company name"]),
    (Property::OfficeLocation, &["office", "office location", "office number"]),
    (
        Property::EmployeeId,
        &["employee id", "employee number", "staff number", "personnel number", "staff id"],
    ),
    (Property::StreetAddress, &["street", "street address"]),
    (Property::City, &["city", "town"]),
    (Property::State, &["state", "province", "state or province"]),
    (Property::PostalCode, &["postal code", "postcode", "post code", "zip", "zip code"]),
    (Property::Country, &["country", "country or region"]),
    (Property::PreferredLanguage, &["preferred language", "language"]),
    (Property::UsageLocation, &["usage location"]),
    (
        Property::MobilePhone,
        &[
            "mobile",
            "mobile phone",
            "mobile number",
            "mobile phone number",
            "cell",
            "cell phone",
            "cell number",
            "cell phone number",
            "cellphone",
        ],
    ),
    (
        Property::BusinessPhones,
        &[
            "business phone",
            "business phone number",
            "business number",
            "office phone",
            "office phone number",
            "work phone",
            "work phone number",
            "work number",
            "desk phone",
            "desk number",
            "landline",
            "landline number",
        ],
    ),
    (
        Property::OtherMails,
        &[
            "other mail",
            "other mail address",
            "other email",
            "other email address",
            "alternate email",
            "alternate email address",
            "alternative email",
            "alternative email address",
            "secondary email",
            "secondary email address",
            "private email",
            "private email address",
            "personal email",
            "personal email address",
        ],
    ),
];

const CLEARED: &str = "Shall it say just that, or nothing at all? Please put it in quotes, or ask me \
     to clear it.";

/// Names that could be several properties.
const VAGUE: &[(&str, &[&str])] = &[
    (
        "Which number is that: the mobile phone or the business phone? Please ask again with the \
         one you mean.",
        &["phone", "phone number", "number", "telephone", "telephone number"],
    ),
    (
        "Which name is that: the display name, the first name or the last name? Please ask again \
         with the one you mean.",
        &["name", "full name"],
    ),
    (
        "Which part of it: the street address, the city, the state, the postal code or the \
         country? Please ask again with the one you mean.",
        &["address", "postal address"],
    ),
    (
        "Which location is that: the office location or the usage location? Please ask again with \
         the one you mean.",
        &["location"],
    ),
];
