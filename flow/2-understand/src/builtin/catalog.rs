//! How people ask for each tool. The first pattern that takes in a whole clause decides, so what
//! could be read two ways stands after what it must not swallow.

mod access;
mod account;

use std::sync::LazyLock;

use subtwin_kernel::Tool;

pub(super) use self::account::Doubt;
use super::pattern::Pattern;
use super::{credential, dry, profile, small};

type Table<T> = LazyLock<Vec<(T, Pattern)>>;

/// Patterns of whole clauses.
pub(super) static CLAUSES: Table<Tool> = LazyLock::new(|| read(&[account::TABLE, access::TABLE]));

/// What follows a clause without repeating its verb: "give Ann an E3 and *Bob an F3*".
pub(super) static ELIDED: Table<Tool> = LazyLock::new(|| read(&[account::SHORT, access::SHORT]));

/// What may follow a clause about the same people, whatever that clause asked: "Ann needs an E3 and
/// *should be in Finance*".
pub(super) static SUBJECTLESS: Table<Tool> =
    LazyLock::new(|| read(&[account::WITHOUT_SUBJECT, access::WITHOUT_SUBJECT]));

/// What people report instead of asking for anything: "Ann can't sign in".
pub(super) static TROUBLES: Table<Tool> = LazyLock::new(|| read(&[account::TROUBLES]));

/// Two requests with one verb: "reset Ann's password and MFA".
pub(super) static PAIRS: Table<[Tool; 2]> = LazyLock::new(|| Pattern::table(account::PAIRS));

/// What could be meant in two ways.
pub(super) static DOUBTS: Table<Doubt> = LazyLock::new(|| Pattern::table(account::DOUBTS));

/// Every keyword of every pattern, once.
pub(super) static VOCABULARY: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let own = TABLES.iter().copied().flat_map(Pattern::vocabulary);
    let rest = [
        Pattern::vocabulary(small::TABLE).collect(),
        Pattern::vocabulary(dry::TABLE).collect::<Vec<_>>(),
    ];
    let names = profile::NAMES.iter().flat_map(|(_, names)| *names);
    let names = names.flat_map(|name| name.split(' '));
    let mut words: Vec<_> = own
        .chain(rest.into_iter().flatten())
        .chain(names)
        .chain(credential::vocabulary())
        .collect();
    words.sort_unstable();
    words.dedup();
    words
});

type Rows = &'static [(Tool, &'static [&'static str])];

const TABLES: &[Rows] = &[
    account::TABLE,
    account::SHORT,
    account::WITHOUT_SUBJECT,
    account::TROUBLES,
    access::TABLE,
    access::SHORT,
    access::WITHOUT_SUBJECT,
];

fn read(tables: &[Rows]) -> Vec<(Tool, Pattern)> {
    tables.iter().flat_map(|rows| Pattern::table(rows)).collect()
}

/// Words that open a request. No name in a list starts with one, so that "Ann and remove Bob" is
/// not two people.
pub(super) const VERBS: &[&str] = &[
    "activate",
    "add",
    "allocate",
    "allow",
    "approve",
    "assign",
    "block",
    "boot",
    "cancel",
    "change",
    "check",
    "clear",
    "close",
    "confirm",
    "correct",
    "create",
    "deactivate",
    "delete",
    "diagnose",
    "disable",
    "display",
    "do",
    "drop",
    "edit",
    "empty",
    "enable",
    "end",
    "enrol",
    "enroll",
    "enter",
    "erase",
    "explain",
    "find",
    "fire",
    "force",
    "forget",
    "freeze",
    "generate",
    "get",
    "give",
    "grant",
    "hand",
    "ignore",
    "include",
    "install",
    "invalidate",
    "investigate",
    "issue",
    "join",
    "keep",
    "kick",
    "kill",
    "let",
    "license",
    "lift",
    "lock",
    "log",
    "look",
    "lookup",
    "make",
    "move",
    "open",
    "order",
    "prevent",
    "preview",
    "print",
    "promote",
    "provide",
    "pull",
    "put",
    "reactivate",
    "reclaim",
    "recover",
    "reenable",
    "remove",
    "rename",
    "renew",
    "replace",
    "reset",
    "restore",
    "revoke",
    "run",
    "search",
    "send",
    "set",
    "show",
    "shut",
    "sign",
    "simulate",
    "skip",
    "start",
    "stop",
    "strip",
    "suspend",
    "swap",
    "switch",
    "take",
    "tell",
    "terminate",
    "throw",
    "transfer",
    "troubleshoot",
    "turn",
    "unassign",
    "unblock",
    "unfreeze",
    "unlock",
    "unsuspend",
    "update",
    "upgrade",
    "use",
    "wipe",
    "withdraw",
    "write",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_tables_can_be_read() {
        let written = |tables: &[Rows]| {
            let rows = tables.iter().flat_map(|rows| rows.iter());
            rows.map(|(_, texts)| texts.len()).sum::<usize>()
        };
        let all = [&CLAUSES, &ELIDED, &SUBJECTLESS, &TROUBLES];
        assert_eq!(all.iter().map(|table| table.len()).sum::<usize>(), written(TABLES));
        assert_eq!(PAIRS.len(), account::PAIRS.iter().map(|(_, t)| t.len()).sum::<usize>());
        assert_eq!(DOUBTS.len(), account::DOUBTS.iter().map(|(_, t)| t.len()).sum::<usize>());
    }
}
