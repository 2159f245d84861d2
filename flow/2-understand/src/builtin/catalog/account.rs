//! Sign-ins, passwords, access passes, sign-in methods, blocked accounts, managers.

use subtwin_kernel::Tool;
use subtwin_kernel::Tool::{
    AccountBlock, AccountUnblock, MfaReset, PasswordReset, SessionRevoke, SigninExplain, TapIssue,
    UserUpdate,
};

/// A request that could be two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Doubt {
    /// "Unlock Ann": her account, her password, her sign-ins.
    Unlock,
    /// "Make Bob Hale Ann's manager": who is called what?
    Manager,
}

pub(super) const TABLE: &[(Tool, &[&str])] = &[
    (
        SigninExplain,
        &[
            "any? idea? find? figure? out? do? you? check|see|tell|show|explain|investigate|know? me|us? why {P} cannot-sign-in to? his|her|their|my|the? account|teams|outlook|email|mail|mailbox|computer|laptop? any|anymore? more?",
            "why-not {P} sign|log|get in|on|into to? his|her|their|my|the? account|teams|outlook|email|mail|mailbox|computer|laptop? any|anymore? more?",
            "why-not {P} login|logon any|anymore? more?",
            "why-not {P} able to sign|log|get in|on|into",
            "why-not {M} login|logon|account|signin work|working",
            "why-not {M} sign|log in|on work|working",
            "find? figure? out? check|see|tell|show|explain? me|us? why {P} is|are|am|was|got|keeps|keep getting? locked|blocked out",
            "why is|are|am|was|were|did|does|do {P} get|getting|being|keep? getting? locked|blocked out of? his|her|their|my? account?",
            "why is|are {P} unable to sign|log in|on",
            "why is|are|did|does|do {M} login|logon|logins|signin|signins|sign fail|failing|in|ins? fail|failing|failed|blocked?",
            "why is|are|was {M} sign|log in|on blocked|failing|refused",
            "what is wrong|up with {M} account|login|logon|logins|signin|signins",
            "what is wrong|up with {M} sign|log in|ins|on",
            "what is the? problem|issue|matter|trouble with {M} account|login|logon|logins|signin|signins",
            "what is the? problem|issue|matter|trouble with {M} sign|log in|ins|on",
            "what happened to|with {M} login|logon|logins|signin|signins",
            "check|show|see|investigate|diagnose|troubleshoot|explain|review|inspect me|us? {M} last|latest|recent|failed|failing|blocked? login|logon|logins|signin|signins log|logs|history|problem|problems|issue|issues|failure|failures|trouble|troubles|attempts|errors?",
            "check|show|see|investigate|diagnose|troubleshoot|explain|review|inspect me|us? {M} last|latest|recent|failed|failing|blocked? sign in|ins log|logs|history|problem|problems|issue|issues|failure|failures|trouble|troubles|attempts|errors?",
            "look into|at {M} last|latest|recent|failed|failing? login|logon|logins|signin|signins log|logs|history|problem|problems|issue|issues|failure|failures|trouble|attempts|errors?",
            "look into|at {M} last|latest|recent|failed|failing? sign in|ins log|logs|history|problem|problems|issue|issues|failure|failures|trouble|attempts|errors?",
            "check|show|see|investigate|diagnose|troubleshoot|explain|review me|us? the? last|latest|recent|failed? login|logon|logins|signin|signins problem|problems|issue|issues|failure|failures|attempts? of|for {P}",
            "check|show|see|investigate|diagnose|troubleshoot|explain|review me|us? the? last|latest|recent|failed? sign in|ins problem|problems|issue|issues|failure|failures|attempts? of|for {P}",
            "can|could {P} sign|log in|on",
            "is|are {P} able to sign|log in|on",
            "is|are {P} locked out",
            "is|are {M} account|accounts locked out?",
            "why is|are|was|were {P} blocked|disabled",
            "why is|are|was|were {M} account|accounts locked|blocked|disabled out?",
        ],
    ),
    (
        PasswordReset,
        &[
            "reset|change|renew|replace|recover {M} current|old? account|login? password|passwords|pw|pwd|passwd",
            "reset|change|renew|replace the|a|an? account|login? password|passwords|pw|pwd|passwd of|for|on {Q}",
            "do|perform|start? a? password|pw reset of|for|on {Q}",
            "give|get|issue|create|generate|make|set|assign {Q} up? with? a|an|the|another? new|fresh|temporary|temp|initial|different|another password|passwords|pw",
            "give|get|issue|create|generate|make|set|assign up? a|an|the|another? new|fresh|temporary|temp|initial|different password|pw for|of|to {Q}",
            "a? new|fresh|temporary|temp|initial password|pw for {Q}",
            "set up? a|the? password for {Q}",
            "i|we need|want|require a? new|fresh|temporary password|pw for {Q}",
            "i|we would like a? new|fresh|temporary password|pw for {Q}",
            "i|we need|want|require a? password|pw reset for {Q}",
            "i|we need|want {M} password|pw reset|changed|renewed",
            "{Q} needs|need|wants|want|requires|require|should|must have|get? a? new|fresh|temporary|temp|different password|pw",
            "{Q} would like a? new|fresh|temporary|temp|different password|pw",
            "{Q} needs|need|wants|want|requires|require a? password|pw reset|change",
            "{P} needs|need|wants|want his|her|their|my|the password|pw to? be? reset|changed|renewed|resetting",
            "{M} password|pw needs|need|must|should|has|have to? be? reset|changed|renewed|resetting|changing",
            "can|could|may {P} have|get a? new|fresh|temporary|temp|different password|pw",
            "can|could|may {P} have|get a? password|pw reset",
            "can|could {M} password|pw be reset|changed|renewed",
            "reset {Q} password|pw",
            "reset password|pw {Q}",
            "a? password|pw reset for? {Q}",
            "help {P} to? reset|change his|her|their password|pw",
            "reset|change|renew the|a? password|pw",
            "a? password|pw reset",
        ],
    ),
    (
        TapIssue,
        &[
            "give|issue|create|make|generate|get|assign|grant|provide|set|hand {Q} up? with? {A}",
            "give|issue|create|make|generate|get|assign|grant|provide|set|hand|add|arrange up? {A} for|to {Q} {T}",
            "i|we need|want|require {A} for {Q} {T}",
            "i|we would like|love {A} for {Q} {T}",
            "can|could|may i|we have|get {A} for {Q} {T}",
            "{Q} needs|need|wants|want|requires|require|should|must have|get? {A}",
            "{Q} would like|love {A}",
            "can|could|may {Q} have|get {A}",
            "can|could|may {Q} be given|issued {A}",
            "let {Q} have|get {A}",
            "let {Q} sign|log in|on with {A}",
            "{A} for? {Q} {T}",
            "give|issue|create|make|generate|set up? {A}",
        ],
    ),
    (
        MfaReset,
        &[
            "reset|clear|wipe|renew {M} {W}",
            "reset|clear|wipe|remove|delete|drop all|every? of? {M} {V}",
            "reset|clear|wipe|renew {W} of|for|from|on {Q}",
            "reset|clear|wipe|remove|delete|drop {V} of|for|from|on {Q}",
            "reset {W} {Q}",
            "do|perform|start? a|an|the? {W} reset of|for|on? {Q}",
            "reset|clear {W}",
            "i|we need|want|require a|an|the? {W} reset for {Q}",
            "i|we need|want {M} {W} reset|cleared|wiped",
            "{Q} needs|need|wants|want|requires|require a|an {W} reset",
            "{Q} needs|need|wants|want|requires|require {W} reset",
            "{P} needs|need|wants|want {W} to? be? reset|cleared|wiped",
            "{M} {W} needs|need|must|should|has|have to? be? reset|cleared|wiped|resetting",
            "can|could {M} {W} be reset|cleared|wiped",
            "let|make|have {P} re-register|reregister|re-enrol|re-enroll for|in? {W}",
            "force|require|get {P} to re-register|reregister|re-enrol|re-enroll for|in? {W}",
            "require|force re-registration|reregistration of {W} of|for {P}",
            "{P} needs|need|has|have|must to? re-register|reregister|re-enrol|re-enroll for|in? {W}",
        ],
    ),
    (
        AccountBlock,
        &[
            "stop|prevent|keep|block {P} from signing|logging|getting in|on|into to? his|her|their|my|the? account|anything|anywhere?",
            "stop|prevent|block|disable sign in|ins|on of|for|by|from {P}",
            "stop|prevent|block|disable signin|signins|login|logins|logon of|for|by|from {P}",
            "block|disable|suspend {M} signin|signins|login|logins|logon|user",
            "block|disable|suspend {M} sign in|ins|on",
            "block|disable|suspend|lock|deactivate|freeze the? user? account|accounts|user|users of|for? {P}",
            "block|disable|suspend|deactivate|freeze an|the|this? account|user",
            "block|disable|suspend|lock|deactivate|freeze {M} user|entra|microsoft|365|m365|office|work|company? account|accounts|profile|profiles",
            "turn|switch|shut off {M} account|accounts",
            "turn|switch|shut {M} account|accounts off",
            "lock|shut {P} out of? his|her|their|my? account|everything?",
            "lock|shut out {P}",
            "block|disable|suspend|lock|deactivate|freeze {P}",
            "i|we want|need {P} blocked|disabled|suspended|deactivated|locked out?",
            "i|we want|need {M} account blocked|disabled|suspended|deactivated|locked",
            "{P} needs|need|must|should|has|have to? be blocked|disabled|suspended|deactivated|locked out? from|signing? in?",
            "{M} account|accounts needs|need|must|should|has|have to? be blocked|disabled|suspended|deactivated|locked|frozen",
            "can|could {P} be blocked|disabled|suspended|deactivated|locked out?",
            "can|could {M} account|accounts be blocked|disabled|suspended|deactivated|locked|frozen",
        ],
    ),
    (
        AccountUnblock,
        &[
            "unblock|enable|reenable|reactivate|unsuspend|unfreeze|activate|restore {M} user|entra|microsoft|365|m365|office|work|company? account|accounts|profile|profiles",
            "unblock|enable|reenable|reactivate|unsuspend|unfreeze|activate the? user? account|accounts|user|users of|for? {P}",
            "unblock|reenable|reactivate|unsuspend an|the|this? account|user",
            "unblock|enable|reenable|reactivate {M} signin|signins|login|logins|logon",
            "unblock|enable|reenable|reactivate {M} sign in|ins|on",
            "unblock|enable|reenable|reactivate sign in|ins|on of|for {P}",
            "unblock|enable|reenable|reactivate signin|signins|login|logins|logon of|for {P}",
            "lift|remove|undo the? block of|on|from {P}",
            "lift|remove|undo the? block of|on|from {M} account|accounts",
            "turn|switch {M} account|accounts back? on again?",
            "turn|switch back? on {M} account|accounts",
            "unblock|reenable|reactivate|unsuspend|unfreeze {P}",
            "enable {P}",
            "let {P} back in",
            "let {P} sign|log back? in|on again|back?",
            "allow {P} to sign|log back? in|on again|back?",
            "allow {P} back in",
            "i|we want|need {P} unblocked|reenabled|reactivated",
            "i|we want|need {M} account unblocked|enabled|reenabled|reactivated",
            "{P} needs|need|must|should|has|have to? be unblocked|reenabled|reactivated",
            "{M} account|accounts needs|need|must|should|has|have to? be unblocked|enabled|reenabled|reactivated|activated",
            "can|could {P} be unblocked|enabled|reenabled|reactivated",
            "can|could {M} account|accounts be unblocked|enabled|reenabled|reactivated|activated",
        ],
    ),
    (
        UserUpdate,
        &[
            "make|set {Z} as {M} new? manager|boss|supervisor",
            // Where one name ends and the next begins must be plain.
            "make|set {Z} {X} new? manager|boss|supervisor",
            "make|set {N} {O} new? manager|boss|supervisor",
            "make|set {Y} {M} new? manager|boss|supervisor",
            "make|set {Z} as|the|a|new? the|new? new? manager|boss|supervisor of|for {P}",
            "set|change|update|switch|correct|fix {M} manager|boss|supervisor to|as {Z}",
            "set|change|update|switch|correct|fix the? manager|boss|supervisor of|for {P} to|as {Z}",
            "assign|add {Z} as the? new? manager|boss|supervisor of|for|to {P}",
            "assign|add|enter {Z} as {M} new? manager|boss|supervisor",
            "{P} now reports|report to {Z}",
            "{P} will|should|must now? report to {Z}",
            "{P} is|are now reporting to {Z}",
            "let|have|make {P} report to {Z}",
            "{M} new manager|boss|supervisor is|will be? {Z}",
            "{M} manager|boss|supervisor is now {Z}",
            "{M} manager|boss|supervisor should|must|needs to? now? be {Z}",
            "{Z} is now {M} new? manager|boss|supervisor",
            "{Z} is {M} new manager|boss|supervisor",
            "{Z} should|must|will now? be {M} new? manager|boss|supervisor",
        ],
    ),
];

pub(super) const SHORT: &[(Tool, &[&str])] = &[
    (
        SigninExplain,
        &[
            "why",
            "why is that",
            "any idea why",
            "what is wrong|up",
            "what is going on",
            "what is the? problem|issue|matter|cause|reason",
            "check|look|see|investigate",
            "check|find|see|tell|look out|into|me? why",
            "look into it|that|this",
            "take|have a look",
            "what happened",
            "{M}",
        ],
    ),
    (
        PasswordReset,
        &[
            "reset|change|renew it|that|hers|his|theirs|mine",
            "set|make|create|issue|give|get him|her|them|me? a? new one|password|pw",
            "needs|need|wants|want a? new one|password",
            "{M}",
        ],
    ),
    (TapIssue, &["{Q} {A}", "for|to {Q} {T}"]),
    (MfaReset, &["{M}", "reset|clear it|that|them"]),
    (AccountBlock, &["{M}"]),
    (AccountUnblock, &["{M}"]),
];

/// What may follow a clause about the same people.
pub(super) const WITHOUT_SUBJECT: &[(Tool, &[&str])] = &[
    (TapIssue, &["needs|need|should|must have|get? {A}"]),
    (PasswordReset, &["needs|need|should|must have|get? a? new|fresh|temporary password"]),
    (PasswordReset, &["needs|need a? password reset"]),
    (MfaReset, &["needs|need a|an? {W} reset"]),
    (
        AccountBlock,
        &["needs|need|should|must|has|have to? be blocked|disabled|suspended|locked out?"],
    ),
];

/// Troubles that people report instead of asking: what would be asked, if nothing else is.
pub(super) const TROUBLES: &[(Tool, &[&str])] = &[
    (
        SigninExplain,
        &[
            "{Q} cannot-sign-in to? his|her|their|my|the? account|teams|outlook|email|mail|mailbox|computer|laptop|pc|work? any|anymore|at? more|all?",
            "{Q} is|are|am|was|has|have|got|gets|keeps|keep been|getting? locked out of? his|her|their|my|the? account|teams|outlook|email|computer|laptop? again?",
            "{M} locked out of? his|her|their|my|the? account|teams|outlook|email|computer|laptop? again?",
            "{M} account|accounts is|are|was|got|gets locked out? again?",
            "{M} account does-not-work any|anymore? more?",
            "{M} login|logon|signin does-not-work any|anymore? more?",
            "{M} sign|log in|on does-not-work any|anymore? more?",
            "{Q} has|have|is|are|am having? a|some? trouble|problems|problem|issues|difficulties signing|logging|getting in|on|into to? his|her|their|my|the? account|teams|outlook?",
            "{Q} has|have|is|are|am having? a|some? trouble|problems|problem|issues with his|her|their|my|the login|signin|logins|signins",
            "{Q} needs|need help signing|logging|getting in|on|into to? his|her|their|my|the? account?",
            "{M} login|logon|signin fails|failed",
            "{M} sign|log in|on fails|failed",
        ],
    ),
    (
        PasswordReset,
        &[
            "{Q} has|have? just? forgot|forgotten|lost|mislaid his|her|their|my|the? login|account? password|pw|passwords again?",
            "forgot|forgotten|lost {X} password|pw again?",
        ],
    ),
];

/// Two requests with one verb.
pub(super) const PAIRS: &[([Tool; 2], &[&str])] = &[
    (
        [PasswordReset, MfaReset],
        &[
            "reset {M} password|pw and|& {W}",
            "reset password|pw and|& {W} for|of {Q}",
            "reset the password|pw and|& {W} for|of {Q}",
        ],
    ),
    (
        [MfaReset, PasswordReset],
        &["reset {M} {W} and|& password|pw", "reset {W} and|& password|pw for|of {Q}"],
    ),
    (
        [AccountBlock, SessionRevoke],
        &[
            "block|disable|suspend and|& sign|log out {P} {E}",
            "block|disable|suspend and|& sign|log {P} out {E}",
        ],
    ),
    (
        [SessionRevoke, AccountBlock],
        &[
            "sign|log out and|& block|disable|suspend {P}",
            "sign|log {P} out and|& block|disable|suspend",
        ],
    ),
];

/// What could be meant in two ways, and so is asked about.
pub(super) const DOUBTS: &[(Doubt, &[&str])] = &[
    (Doubt::Manager, &["make|set {Z} {M} new? manager|boss|supervisor"]),
    (
        Doubt::Unlock,
        &[
            "unlock {P}",
            "unlock {M} user|work? account|accounts|profile",
            "unlock the? user? account|accounts|user of|for {P}",
            "can|could {P} be unlocked",
            "{P} needs|need|must|should|has|have to? be unlocked",
        ],
    ),
];
