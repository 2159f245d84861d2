//! How people ask for each tool. The first pattern that takes in a whole clause decides, so what
//! could be read two ways stands after what it must not swallow.

use std::sync::LazyLock;

use subtwin_kernel::Tool;
use subtwin_kernel::Tool::{
    GroupMemberAdd, GroupMemberRemove, LicenseAssign, LicenseRemove, SessionRevoke, UserFind,
};

use super::pattern::Pattern;
use super::small;

/// Patterns of whole clauses.
pub(super) static CLAUSES: LazyLock<Vec<(Tool, Pattern)>> = LazyLock::new(|| Pattern::table(TABLE));

/// What follows a clause without repeating its verb: "give Ann an E3 and *Bob an F3*".
pub(super) static ELIDED: LazyLock<Vec<(Tool, Pattern)>> = LazyLock::new(|| Pattern::table(SHORT));

const TABLE: &[(Tool, &[&str])] = &[
    (
        SessionRevoke,
        &[
            "sign|log out|off {P} {E}",
            "sign|log {P} out|off {E}",
            "sign|log out|off of? everything|everywhere for|as {P}",
            "force a? sign|log out|off for|of|on {P} {E}",
            "force {P} to sign|log in|out {E}",
            "kick|boot|throw out|off? {P} {F}",
            "kick|boot|throw {P} out|off {F}",
            "revoke|end|kill|terminate|close|kick|invalidate|drop|expire|clear|cancel|stop all|every|any? of? the? active|open|current|existing|live? sign|login|refresh|user? in? sessions|session|tokens|signins of|for|from {P} {E}",
            "revoke|end|kill|terminate|close|kick|invalidate|drop|expire|clear|cancel|stop|remove all|every|any? of? {M} active|open|current|existing|live? sign|login|refresh|user? in? sessions|session|tokens|signins {E}",
            "{P} needs|need|should|must|has|have to? be signed|logged out|off {E}",
            "can|could {P} be signed|logged out|off {E}",
            "revoke|end|kill|terminate|close|kick all|the? active|open? sign? in? sessions|session",
            "sign|log out|off {F}",
            "sign|log someone|somebody out|off {E}",
        ],
    ),
    (
        LicenseRemove,
        &[
            "remove|unassign|withdraw|reclaim|revoke|strip|pull|take|drop {K} from|off {Q}",
            "take|pull {K} away|back|off from? {Q}",
            "take away|back {K} from {Q}",
            "remove|unassign|withdraw|reclaim|revoke|strip|drop|take {M} licence|license|licences|licenses",
            "remove|unassign|withdraw|reclaim|revoke|strip|drop|take all? of? {M} {K}",
            "take|pull {M} {K} away|back|off",
            "take away|back|off {M} {K}",
            "get rid of {M} {K}",
            "strip {Q} of {L}",
            "take {Q} off {C}",
            "remove {Q} from {C}",
            "remove|unassign|withdraw|revoke|take a|the|his|her|their? licence|license|licences|licenses from|off {Q}",
            "remove|unassign|withdraw|revoke {K}",
        ],
    ),
    (
        LicenseAssign,
        &[
            "give|assign|grant|allocate|issue|hand|get|provide {Q} a|an|the|some|another? licence|license|subscription|seat",
            "give|assign|grant|allocate|issue|hand|get|provide {Q} with? {L}",
            "give|assign|grant|allocate|issue|hand|add|provide|apply|get|arrange {K} to|for {Q}",
            "i|we need|want|require {L} for {Q}",
            "i|we would like|love {L} for {Q}",
            "can|could|may i|we have|get {L} for {Q}",
            "add|put|move {Q} to|on|onto {C}",
            "set {Q} up with {L}",
            "set up {Q} with {L}",
            "license|licence|equip {Q} for|with {L}",
            "let {Q} have|use|get {L}",
            "{Q} needs|need|requires|require|wants|want|gets|get {L}",
            "{Q} needs|need|wants|want to? have|get|be {L}",
            "{Q} should|must have|get|receive|use {L}",
            "{Q} would like|love to? have? {L}",
            "can|could|may {Q} have|get {L}",
            "can|could|may {Q} be given|assigned {L}",
            "{Q} needs|need|should|must to? be given|assigned {L}",
            "{K} for {Q}",
            "{Q} needs|need|wants|want|gets a|an licence|license|subscription|seat",
            "i|we want|need|would like? {Q} to? have|get {L}",
            "give|assign|grant|allocate|issue a|an|the|some|another licence|license|subscription|seat to {Q}",
            "give|assign|grant|allocate|issue {K}",
        ],
    ),
    (
        GroupMemberRemove,
        &[
            "remove|take|drop|kick|throw|pull|get {Q} out? from|of {G}",
            "remove|take|drop|kick|throw|pull {Q} off of? {G}",
            "take|kick|throw|pull out {Q} of|from {G}",
            "end|revoke|remove|terminate {M} membership of|in|from {G}",
            "{Q} needs|need|should|must|has|have to? be removed|taken|dropped out|off? from|of? {G}",
            "can|could {Q} be removed|taken out|off? from|of? {G}",
            "i|we want|need|would like? {Q} removed|taken out|off? from|of? {G}",
            "{Q} needs|need|should|must|wants|want to? leave {G}",
            "remove|take {Q} from|out of? a|the group|team",
        ],
    ),
    (
        GroupMemberAdd,
        &[
            "add|put|include|enrol|enroll|place {Q} to|in|into|on a|an|some|the? group|team",
            "add|put|include|enrol|enroll|place {Q} to|in|into|on|onto {G} as? a? member?",
            "make|have {Q} a|an? member|members|part of|in {G}",
            "join {Q} to|with {G}",
            "let {Q} into|in {G}",
            "{Q} should|must|needs|need|wants|want|has|have to? join {G}",
            "{Q} should|must|needs|need|wants|want|has|have to? be added|put|placed? in|to|into|on {G}",
            "{Q} should|must|needs|need|wants|want|has|have to? be a|an? member|members|part of|in {G}",
            "{Q} belongs|belong in|to {G}",
            "can|could|may {Q} join {G}",
            "can|could|may {Q} be added|put to|in|into|on {G}",
            "i|we want|need|would like? {Q} to? be? added|put to|in|into|on {G}",
            "i|we want|need|would like? {Q} in {G}",
            "give|grant|get {Q} access to {H}",
            "give|grant|get {Q} membership of|in|to {G}",
            "{Q} needs|need|wants|want access to {H}",
            "add|put {Q}",
        ],
    ),
    (
        UserFind,
        &[
            "who is|are|was|am the? {P}",
            "who does|do {B} report to",
            "who is|are {B} reporting to",
            "look {P} up",
            "look up {P}",
            "look|search for|up {P}",
            "find|show|search|check|display|view me|us? {P}",
            "tell|remind me|us? more? about|of {P}",
            "show|give|get|send|find|tell|look|check|display up? me|us? the? details|detail|info|information|profile|entry|record about|on|of|for {P}",
            "show|give|get|send|find|tell|look|check|display|list up? me|us? {M} licences|licenses|licence|license|details|info|information|profile|entry|record|groups|department|title|email|mail|upn|address|username",
            "details|info|information about|on|of|for {P}",
            "what|which licences|licenses|licence|license|subscriptions|groups|teams do|does|has|have|did {P} have|own|hold|use|got|belong? to?",
            "what|which licences|licenses|licence|license|groups|group|teams|team|department|office is|are {P} in|on|using|assigned|from?",
            "what|which licences|licenses|licence|license|subscriptions|groups are assigned|given? to {P}",
            "what does|do {P} have|do",
            "what is|are {M} email|mail|upn|username|department|title|job|role|licences|licenses|licence|license|groups|group|details|location|office|country|account|status address|name|title?",
            "{M} licences|licenses|licence|license|details|info|groups|profile|email|upn|department|title",
            "is|are {P} already? in|on|at {G}",
            "is|are {P} already? a|an? member|part of|in {G}",
            "does|do {P} already? have|own|hold {L}",
            "has|have {P} got? {L}",
            "check|see|tell me? if|whether {P} has|have|got|holds {L}",
            "check|see|tell me? if|whether {P} is in|on|at {G}",
            "is|are {P} enabled|active|licensed|disabled|blocked|synced|licenced",
            "is|are {M} account enabled|active|disabled|blocked|synced",
            "do|does we|you have|know a|an|any? one|someone|somebody|person|user|colleague? named|called {P}",
            "is there a|an|any? someone|somebody|anyone|one|person|user|colleague? named|called {P}",
            "does|do {P} exist",
            "do you know {P}",
            "where does|do {P} work",
            "where is|are {P}",
            "who manages {B}",
            "{U}",
        ],
    ),
];

const SHORT: &[(Tool, &[&str])] = &[
    (LicenseAssign, &["{Q} {L}", "{K} to|for {Q}", "to|for {Q}"]),
    (LicenseRemove, &["{K} from|off {Q}"]),
    (GroupMemberAdd, &["{P} to|in|into|on {G}", "to|in|into {G}"]),
    (GroupMemberRemove, &["{P} from|of|off {G}", "out? from|of {G}"]),
];

/// What may follow a clause about the same people, whatever that clause asked: "Ann needs an E3 and
/// *should be in Finance*".
pub(super) static SUBJECTLESS: LazyLock<Vec<(Tool, Pattern)>> =
    LazyLock::new(|| Pattern::table(WITHOUT_SUBJECT));

/// Every keyword of every pattern, once.
pub(super) static VOCABULARY: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let own = [TABLE, SHORT, WITHOUT_SUBJECT].into_iter().flat_map(Pattern::vocabulary);
    let mut words: Vec<_> = own.chain(Pattern::vocabulary(small::TABLE)).collect();
    words.sort_unstable();
    words.dedup();
    words
});

const WITHOUT_SUBJECT: &[(Tool, &[&str])] = &[
    (LicenseAssign, &["needs|need|should|must have|get? {L}"]),
    (
        GroupMemberAdd,
        &[
            "needs|need|should|must|has|have to? be added|put? in|to|into|on {G}",
            "needs|need|should|must to? join {G}",
        ],
    ),
    (SessionRevoke, &["needs|need|should|must to? be signed|logged out|off {E}"]),
];

/// Words that open a request. No name in a list starts with one, so that "Ann and remove Bob" is
/// not two people.
pub(super) const VERBS: &[&str] = &[
    "add",
    "allocate",
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
    "create",
    "delete",
    "disable",
    "display",
    "do",
    "drop",
    "enable",
    "end",
    "enrol",
    "enroll",
    "find",
    "fire",
    "forget",
    "force",
    "get",
    "give",
    "grant",
    "hand",
    "ignore",
    "include",
    "install",
    "invalidate",
    "issue",
    "join",
    "keep",
    "kick",
    "kill",
    "let",
    "license",
    "log",
    "look",
    "lookup",
    "make",
    "move",
    "open",
    "order",
    "print",
    "promote",
    "provide",
    "pull",
    "put",
    "reclaim",
    "remove",
    "replace",
    "reset",
    "restore",
    "revoke",
    "run",
    "search",
    "send",
    "set",
    "show",
    "sign",
    "skip",
    "start",
    "stop",
    "strip",
    "swap",
    "take",
    "tell",
    "terminate",
    "throw",
    "transfer",
    "unassign",
    "unblock",
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
        let written = |table: &[(Tool, &[&str])]| table.iter().map(|(_, t)| t.len()).sum::<usize>();
        assert_eq!(CLAUSES.len(), written(TABLE));
        assert_eq!(ELIDED.len(), written(SHORT));
        assert_eq!(SUBJECTLESS.len(), written(WITHOUT_SUBJECT));
    }
}
