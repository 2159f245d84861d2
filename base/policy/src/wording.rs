//! What Cedar's own checks let pass and what would never do what it looks like: a rule that reads a
//! fact nobody knows, a name that is not an object id, a word that is never said.

use std::collections::BTreeSet;

use cedar_policy::Policy;
use cedar_policy::pst::{
    BinaryOp, Clause, EntityOrSlot, EntityUID, Expr, Literal, PatternElem, PrincipalConstraint,
    ResourceConstraint, Template, UnaryOp, Var,
};
use jiff::civil::Weekday;
use subtwin_kernel::{GroupId, Property, Risk, SkuId, Tool, UserId};

use crate::Protected;
use crate::facts::{MANAGER, protection, weekday};

/// Something that is wrong, and words of the policy by which it can be found, the best first.
#[derive(Debug)]
pub(crate) struct Slip {
    pub(crate) words: Vec<String>,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

/// What a policy says, as far as others must know.
#[derive(Debug, Default)]
pub(crate) struct Wording {
    pub(crate) slips: Vec<Slip>,
    /// The groups it names.
    pub(crate) groups: BTreeSet<GroupId>,
    /// Whether it asks whether the target is privileged.
    pub(crate) privileged: bool,
    /// Whether it has no condition, or only ones that hold for everybody who may ask at all.
    pub(crate) unconditional: bool,
}

/// Facts that are known only of who asks, and only of whom it is about.
const OF_ASKERS: [&str; 3] = ["twin", "helpdesk", "approver"];
const OF_TARGETS: [&str; 4] = [MANAGER, "synced", PRIVILEGED, PROTECTED];
const OF_BOTH: [&str; 4] = ["upn", "enabled", "guest", "department"];
const OF_GROUPS: [&str; 3] = ["name", "owners", "roleAssignable"];
const PRIVILEGED: &str = "privileged";
const PROTECTED: &str = "protected";

/// Where a person or a group comes from in a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Asker,
    Target,
    Group,
    Elsewhere,
}

impl Wording {
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut wording = Self::default();
        match policy.to_pst() {
            Ok(policy) => wording.template(policy.body()),
            Err(cause) => wording.slip(
                &[],
                format!("this cannot be checked: {cause}"),
                "write it with the operators that docs/admin/policy.md names",
            ),
        }
        wording
    }

    fn slip(&mut self, words: &[String], what: impl Into<String>, remedy: &str) {
        let remedy = remedy.to_owned();
        self.slips.push(Slip { words: words.to_vec(), what: what.into(), remedy });
    }

    fn template(&mut self, template: &Template) {
        let free =
            matches!(template.principal, PrincipalConstraint::Any | PrincipalConstraint::Is(_))
                && matches!(template.resource, ResourceConstraint::Any | ResourceConstraint::Is(_));
        let holds = |clause: &Clause| match clause {
            Clause::When(expr) => is_sure(expr, true),
            Clause::Unless(expr) => is_sure(expr, false),
        };
        self.unconditional = free && template.clauses().iter().all(holds);
        match &template.principal {
            PrincipalConstraint::Eq(who)
            | PrincipalConstraint::In(who)
            | PrincipalConstraint::IsIn(_, who) => self.scope(who),
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => {}
        }
        match &template.resource {
            ResourceConstraint::Eq(who) => self.scope(who),
            ResourceConstraint::In(who) | ResourceConstraint::IsIn(_, who) => {
                self.scope(who);
                self.groups_of(From::Target, "resource");
            }
            ResourceConstraint::Any | ResourceConstraint::Is(_) => {}
        }
        for clause in template.clauses() {
            let (Clause::When(expr) | Clause::Unless(expr)) = clause;
            self.expr(expr);
        }
    }

    fn scope(&mut self, who: &EntityOrSlot) {
        match who {
            EntityOrSlot::Entity(uid) => self.named(uid),
            EntityOrSlot::Slot(_) => {}
        }
    }

    /// Walks an expression. Cedar bounds how deep one can be.
    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Literal(Literal::EntityUID(uid)) => self.named(uid),
            Expr::Literal(_) | Expr::Var(_) => {}
            Expr::UnaryOp { expr, .. } => self.expr(expr),
            Expr::BinaryOp { op, left, right } => {
                self.compared(*op, left, right);
                if *op == BinaryOp::In && !matches!(**left, Expr::Var(Var::Action)) {
                    self.membership(left, right);
                }
                self.expr(left);
                self.expr(right);
            }
            Expr::GetAttr { expr, attr } => {
                self.attribute(expr, attr);
                self.expr(expr);
            }
            Expr::HasAttr { expr, attrs } => {
                if attrs.len() > 1 {
                    self.slip(
                        &[format!("has {}", attrs.head)],
                        "`has` with a path of more than one step",
                        "ask for one step at a time",
                    );
                }
                self.attribute(expr, &attrs.head);
                self.expr(expr);
            }
            Expr::Like { expr, pattern } => {
                self.pattern(expr, pattern);
                self.expr(expr);
            }
            Expr::Is { expr, in_expr, .. } => {
                if let Some(group) = in_expr {
                    self.membership(expr, group);
                    self.expr(group);
                }
                self.expr(expr);
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                for expr in [cond, then_expr, else_expr] {
                    self.expr(expr);
                }
            }
            Expr::Set(members) => members.iter().for_each(|member| self.expr(member)),
            Expr::Record(fields) => fields.values().for_each(|field| self.expr(field)),
            // Whatever a later Cedar adds, a policy cannot use before it is judged here.
            _ => self.slip(
                &[],
                "this uses an expression that policies here may not use",
                "write it with the operators that docs/admin/policy.md names",
            ),
        }
    }

    /// An entity written out.
    fn named(&mut self, uid: &EntityUID) {
        let kind = uid.ty.to_string();
        let canonical = match kind.as_str() {
            "Group" => uid.eid.parse::<GroupId>().ok().map(|id| {
                self.groups.insert(id);
                id.to_string()
            }),
            "User" => uid.eid.parse::<UserId>().ok().map(|id| id.to_string()),
            _ => return,
        };
        let words = format!("{kind}::\"{}\"", uid.eid);
        match canonical {
            Some(canonical) if canonical == uid.eid => {}
            Some(canonical) => self.slip(
                std::slice::from_ref(&words),
                format!("`{words}` is an object id in another spelling, and would match nobody"),
                &format!("write `{kind}::\"{canonical}\"`"),
            ),
            None => {
                let what = if kind == "Group" { "group" } else { "person" };
                self.slip(
                    std::slice::from_ref(&words),
                    format!("`{words}` is not an object id, and would match nobody"),
                    &format!(
                        "write the {what}'s object id: Entra shows it on the {what}'s overview page"
                    ),
                );
            }
        }
    }

    /// Membership is read for the groups that stand in a policy by their ids.
    fn membership(&mut self, member: &Expr, group: &Expr) {
        let literal = |expr: &Expr| matches!(expr, Expr::Literal(_));
        let written_out = match group {
            Expr::Set(groups) => groups.iter().all(|group| literal(group)),
            _ => literal(group),
        };
        if !written_out {
            self.slip(
                &[format!("{} in", spelled(member)), "in context".to_owned()],
                "membership is not known of a group that is not written out",
                "name the group: `principal in Group::\"…\"`; of `context.group`, only its owners \
                 are known",
            );
        }
        self.groups_of(origin(member), &spelled(member));
    }

    /// Whether a person is in a group is known of who asks alone.
    fn groups_of(&mut self, from: From, words: &str) {
        if from != From::Asker {
            self.slip(
                &[format!("{words} in"), format!("{words} is")],
                format!("the groups of {} are not known", quoted(words)),
                "only `principal in Group::\"…\"` (and `context.requester in …`) can be asked; of \
                 whom it is about, ask for the department",
            );
        }
    }

    fn attribute(&mut self, of: &Expr, name: &str) {
        let from = origin(of);
        if name == PRIVILEGED {
            self.privileged = true;
        }
        let known = match from {
            From::Asker => OF_ASKERS.contains(&name) || OF_BOTH.contains(&name),
            From::Target => OF_TARGETS.contains(&name) || OF_BOTH.contains(&name),
            From::Group => OF_GROUPS.contains(&name),
            From::Elsewhere => false,
        };
        let is_fact = [&OF_ASKERS[..], &OF_TARGETS, &OF_BOTH, &OF_GROUPS].concat().contains(&name);
        if known || !is_fact {
            return;
        }
        let remedy = match from {
            From::Asker | From::Target if OF_ASKERS.contains(&name) => {
                format!("`{name}` is known of `principal` (and `context.requester`) alone")
            }
            From::Asker | From::Target if OF_TARGETS.contains(&name) => {
                format!("`{name}` is known of `resource` alone")
            }
            From::Asker | From::Target | From::Group | From::Elsewhere => {
                "facts are known of `principal`, `resource`, `context.requester` and \
                 `context.group` alone"
                    .to_owned()
            }
        };
        let words = spelled(of);
        self.slip(
            &if words.is_empty() {
                vec![format!(").{name}"), format!("\".{name}"), format!(".{name}")]
            } else {
                vec![format!("{words}.{name}"), format!("{words} has {name}"), format!(".{name}")]
            },
            format!("`{name}` of {} is not known", quoted(&words)),
            &remedy,
        );
    }

    /// Words that stand beside something which says only certain words.
    fn compared(&mut self, op: BinaryOp, left: &Expr, right: &Expr) {
        match op {
            BinaryOp::Eq | BinaryOp::NotEq => {
                self.said(left, right);
                self.said(right, left);
            }
            BinaryOp::Contains | BinaryOp::ContainsAll | BinaryOp::ContainsAny => {
                for (speaker, words) in [(left, right), (right, left)] {
                    match words {
                        Expr::Set(members) => {
                            members.iter().for_each(|member| self.said(speaker, member));
                        }
                        _ => self.said(speaker, words),
                    }
                }
            }
            _ => {}
        }
    }

    fn said(&mut self, speaker: &Expr, word: &Expr) {
        let (Expr::GetAttr { expr, attr }, Expr::Literal(Literal::String(word))) = (speaker, word)
        else {
            return;
        };
        let of_context = matches!(**expr, Expr::Var(Var::Context));
        let (fits, remedy) = match attr.as_str() {
            "weekday" if of_context => one_of(word, weekdays()),
            "risk" if of_context => one_of(word, risks()),
            "tool" if of_context => one_of(word, Tool::ALL.map(Tool::name)),
            "properties" if of_context => one_of(word, properties()),
            PROTECTED => one_of(word, protections()),
            "licence" if of_context => {
                let id = word.parse::<SkuId>().is_ok_and(|id| id.to_string() == word.as_str());
                (id, "write the product's skuId, in lower case".to_owned())
            }
            "upn" => (word.to_lowercase() == word.as_str(), LOWER_CASE.to_owned()),
            _ => return,
        };
        if !fits {
            let what = format!("`{}` is never \"{word}\"", spelled(speaker));
            self.slip(&[format!("\"{word}\"")], what, &remedy);
        }
    }

    fn pattern(&mut self, of: &Expr, pattern: &[PatternElem]) {
        let upper = |elem: &PatternElem| matches!(elem, PatternElem::Char(c) if c.is_uppercase());
        if matches!(of, Expr::GetAttr { attr, .. } if attr == "upn") && pattern.iter().any(upper) {
            self.slip(
                &["upn like".to_owned()],
                format!("`{}` is never like this", spelled(of)),
                LOWER_CASE,
            );
        }
    }
}

const LOWER_CASE: &str = "a upn is compared in lower case: write it so";

/// Whether an expression has this value for everybody whom the rules that stand let ask at all.
fn is_sure(expr: &Expr, value: bool) -> bool {
    match expr {
        Expr::Literal(Literal::Bool(is)) => *is == value,
        Expr::GetAttr { expr, attr } if matches!(**expr, Expr::Var(Var::Principal)) => {
            match attr.as_str() {
                "enabled" => value,
                "guest" | "twin" => !value,
                _ => false,
            }
        }
        Expr::UnaryOp { op: UnaryOp::Not, expr } => is_sure(expr, !value),
        Expr::BinaryOp { op: BinaryOp::And, left, right } => {
            let (left, right) = (is_sure(left, value), is_sure(right, value));
            if value { left && right } else { left || right }
        }
        Expr::BinaryOp { op: BinaryOp::Or, left, right } => {
            let (left, right) = (is_sure(left, value), is_sure(right, value));
            if value { left || right } else { left && right }
        }
        _ => false,
    }
}

fn origin(expr: &Expr) -> From {
    match expr {
        Expr::Var(Var::Principal) => From::Asker,
        Expr::Var(Var::Resource) => From::Target,
        Expr::GetAttr { expr, attr } if matches!(**expr, Expr::Var(Var::Context)) => {
            match attr.as_str() {
                "requester" => From::Asker,
                "group" => From::Group,
                _ => From::Elsewhere,
            }
        }
        _ => From::Elsewhere,
    }
}

/// A variable or an attribute as it is written; empty for anything longer.
fn spelled(expr: &Expr) -> String {
    match expr {
        Expr::Var(Var::Principal) => "principal".to_owned(),
        Expr::Var(Var::Resource) => "resource".to_owned(),
        Expr::Var(Var::Context) => "context".to_owned(),
        Expr::Var(Var::Action) => "action".to_owned(),
        Expr::GetAttr { expr, attr } if !spelled(expr).is_empty() => {
            format!("{}.{attr}", spelled(expr))
        }
        _ => String::new(),
    }
}

fn quoted(words: &str) -> String {
    if words.is_empty() { "this".to_owned() } else { format!("`{words}`") }
}

fn one_of<const N: usize>(word: &str, words: [&'static str; N]) -> (bool, String) {
    let quoted = words.map(|word| format!("\"{word}\""));
    (words.contains(&word), format!("it is one of {}", quoted.join(", ")))
}

fn weekdays() -> [&'static str; 7] {
    let mut days = Weekday::Monday.cycle_forward();
    std::array::from_fn(|_| days.next().map_or("", weekday))
}

fn risks() -> [&'static str; 5] {
    [Risk::Read, Risk::Low, Risk::High, Risk::HighPrivilege, Risk::Destructive].map(Risk::name)
}

fn protections() -> [&'static str; 4] {
    [None, Some(Protected::Twin), Some(Protected::Sponsor), Some(Protected::BreakGlass)]
        .map(protection)
}

fn properties() -> [&'static str; Property::ALL.len() + 1] {
    let mut names = Property::ALL.iter().map(|property| property.name()).chain([MANAGER]);
    std::array::from_fn(|_| names.next().unwrap_or_default())
}
