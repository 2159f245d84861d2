use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet};
use subtwin_kernel::{Approval, GroupId, Risk};

use crate::depth::too_deep;
use crate::diagnosis;
use crate::fault::{Fault, Place};
use crate::policies::ALWAYS;
use crate::schema::{Deed, MODEL};
use crate::wording::Wording;

/// One file is no longer than this, in bytes.
const LONGEST_FILE: usize = 256 * 1024;
/// There are no more files than this.
const MOST_FILES: usize = 64;
/// All files together hold no more policies than this.
const MOST_POLICIES: usize = 1000;
/// Ids that begin with this are ours.
const RESERVED: &str = "always-";
/// What is not a policy's id, but stands in its place in an answer.
const ANSWERS: [&str; 2] = [crate::EVALUATION_ERROR, crate::CONTRADICTION];

/// A file's name and text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

/// A policy that passed every check.
pub(crate) struct Read {
    pub(crate) id: String,
    /// Under its own id.
    pub(crate) policy: Policy,
    /// Which text it stands in.
    pub(crate) file: usize,
    /// From 1.
    pub(crate) line: usize,
    /// Its bytes in the text, with its annotations.
    pub(crate) span: (usize, usize),
    /// What a permit asks for, if it says so.
    pub(crate) approval: Option<Approval>,
    pub(crate) typed: bool,
    pub(crate) groups: BTreeSet<GroupId>,
    /// Whether it asks whether the target is privileged.
    pub(crate) privileged: bool,
}

/// Collects policies and faults.
struct Reader<'a> {
    texts: &'a [Text<'a>],
    policies: Vec<Read>,
    faults: Vec<(usize, usize, Fault)>,
    ids: BTreeMap<String, usize>,
    count: usize,
}

/// Reads and checks all texts. The texts' own order decides nothing.
pub(crate) fn read(texts: &[Text<'_>]) -> Result<Vec<Read>, Vec<Fault>> {
    let mut reader =
        Reader { texts, policies: Vec::new(), faults: Vec::new(), ids: BTreeMap::new(), count: 0 };
    reader.files();
    if reader.faults.is_empty() {
        for number in 0..texts.len() {
            reader.file(number);
        }
    }
    if reader.faults.is_empty() {
        return Ok(reader.policies);
    }
    reader.faults.sort_by_key(|(file, offset, _)| (*file, *offset));
    Err(reader.faults.into_iter().map(|(.., fault)| fault).collect())
}

impl<'a> Reader<'a> {
    fn text(&self, file: usize) -> Text<'a> {
        self.texts.get(file).copied().unwrap_or(Text { name: "", text: "" })
    }

    fn of_file(&mut self, file: usize, what: impl Into<String>, remedy: &str) {
        let fault = Fault::of_file(self.text(file).name, what, remedy);
        self.faults.push((file, 0, fault));
    }

    fn fault(
        &mut self,
        file: usize,
        (offset, length): (usize, usize),
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let Text { name, text } = self.text(file);
        let fault = Fault {
            file: name.to_owned(),
            place: Some(Place::new(text, offset, length)),
            what: what.into(),
            remedy: remedy.into(),
        };
        self.faults.push((file, offset, fault));
    }

    fn files(&mut self) {
        if self.texts.len() > MOST_FILES + 1 {
            let what = format!("there are more than {MOST_FILES} policy files");
            self.of_file(0, what, "put several policies into one file");
        }
        let mut names = BTreeSet::new();
        for (number, Text { name, text }) in self.texts.iter().enumerate() {
            if !names.insert(*name) {
                let remedy = if *name == ALWAYS {
                    "give yours another name: this one is built in and stays in force"
                } else {
                    "name each file once"
                };
                self.of_file(number, "two policy files have this name", remedy);
            }
            if text.len() > LONGEST_FILE {
                let what = format!("the file is longer than {} KiB", LONGEST_FILE / 1024);
                self.of_file(number, what, "split it");
            }
        }
    }

    fn file(&mut self, file: usize) {
        let text = self.text(file).text;
        if let Some((at, what)) = too_deep(text) {
            self.fault(
                file,
                (at, 1),
                what,
                "write several policies, or a list: `[\"a\", \"b\"].contains(…)`",
            );
            return;
        }
        let set = match PolicySet::from_str(text) {
            Ok(set) => set,
            Err(errors) => {
                for error in errors.iter() {
                    let finding = diagnosis::of_parse(error, text);
                    let place = finding.place.unwrap_or((0, 0));
                    self.fault(file, place, finding.what, finding.remedy);
                }
                return;
            }
        };
        for template in set.templates() {
            let loc = template.as_ref().loc();
            let at = loc.map_or((0, 0), |loc| (loc.span.offset(), loc.span.len()));
            let slots = ["?principal", "?resource"];
            let at = slots.iter().find_map(|slot| find(text, at, slot)).unwrap_or(at);
            self.fault(
                file,
                at,
                "this is a template: it has a slot (`?principal` or `?resource`)",
                "write a policy for each person or group, or put them into one group",
            );
        }
        let before = self.count;
        self.count += set.num_of_policies();
        if before <= MOST_POLICIES && self.count > MOST_POLICIES {
            let what = format!("there are more than {MOST_POLICIES} policies");
            self.of_file(file, what, "name people by a group, not one by one");
        }
        if self.count > MOST_POLICIES {
            return;
        }
        let mut policies: Vec<Policy> = set.policies().cloned().collect();
        policies.sort_by_key(span);
        self.validated(file, &set);
        for policy in policies {
            self.policy(file, &policy);
        }
    }

    /// Where a policy's `permit` or `forbid` stands.
    fn head(&self, file: usize, policy: &Policy) -> (usize, usize) {
        let word = match policy.effect() {
            Effect::Permit => "permit",
            Effect::Forbid => "forbid",
        };
        // Only what an annotation says could hold the word before it.
        let (offset, length) = span(policy);
        let after = |key| annotation(policy, key).map(|(offset, length)| offset + length);
        let keys = policy.annotations().filter_map(|(key, _)| after(key));
        let from = keys.max().unwrap_or(offset);
        let rest = (offset + length).saturating_sub(from);
        find(self.text(file).text, (from, rest), word).unwrap_or((from, 1))
    }

    /// Cedar's own judgement, against the schema.
    fn validated(&mut self, file: usize, set: &PolicySet) {
        for (id, finding) in diagnosis::of_set(set, self.text(file).text) {
            let policy = set.policy(&PolicyId::new(id));
            let head = policy.map_or((0, 0), |policy| self.head(file, policy));
            self.fault(file, finding.place.unwrap_or(head), finding.what, finding.remedy);
        }
    }

    fn policy(&mut self, file: usize, policy: &Policy) {
        let at = span(policy);
        let head = self.head(file, policy);
        let ours = self.text(file).name == ALWAYS;
        let id = self.id(file, policy, head, ours);
        let concerned: Vec<Deed> =
            Deed::all().filter(|deed| MODEL.concerns(policy, *deed)).collect();
        let (approval, typed) = self.wishes(file, policy, head, &concerned);
        let wording = Wording::of(policy);
        self.wording(file, policy, &concerned, &wording);
        let Some(id) = id else { return };
        let line = Place::new(self.text(file).text, at.0, 0).line;
        self.policies.push(Read {
            policy: policy.new_id(PolicyId::new(&id)),
            id,
            file,
            line,
            span: at,
            approval,
            typed,
            groups: wording.groups,
            privileged: wording.privileged,
        });
    }

    fn id(
        &mut self,
        file: usize,
        policy: &Policy,
        head: (usize, usize),
        ours: bool,
    ) -> Option<String> {
        let Some(id) = policy.annotation("id") else {
            self.fault(
                file,
                head,
                "this policy has no `@id`",
                "write `@id(\"some-name\")` above it; the record names what allowed a change by it",
            );
            return None;
        };
        let place = annotation(policy, "id").unwrap_or(head);
        let fits = (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !fits {
            let what = format!("`{}` cannot be an id", shortened(id));
            let remedy = "use 1 to 64 letters, digits, hyphens, dots and underscores";
            self.fault(file, place, what, remedy);
            return None;
        }
        if !ours && (id.starts_with(RESERVED) || ANSWERS.contains(&id)) {
            let remedy = format!("choose an id that does not begin with `{RESERVED}`");
            let remedy = if ANSWERS.contains(&id) { "choose another id" } else { &remedy };
            self.fault(file, place, format!("the id `{id}` is reserved"), remedy);
            return None;
        }
        if let Some(&first) = self.ids.get(id) {
            let first = self.policies.get(first).map(|read| (self.text(read.file).name, read.line));
            let first = first.map_or_else(String::new, |(name, line)| format!(" at {name}:{line}"));
            let what = format!("the id `{id}` is already taken{first}");
            self.fault(file, place, what, "give each policy an id of its own");
            return None;
        }
        self.ids.insert(id.to_owned(), self.policies.len());
        Some(id.to_owned())
    }

    /// What the annotations ask for.
    fn wishes(
        &mut self,
        file: usize,
        policy: &Policy,
        head: (usize, usize),
        concerned: &[Deed],
    ) -> (Option<Approval>, bool) {
        let (mut approval, mut typed) = (None, false);
        let permits = policy.effect() == Effect::Permit;
        let annotations: Vec<(String, String)> =
            policy.annotations().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        for (key, value) in annotations {
            let at = annotation(policy, &key).unwrap_or(head);
            match (key.as_str(), value.as_str()) {
                ("id", _) => {}
                ("reason", "") => {
                    self.fault(
                        file,
                        at,
                        "`@reason` says nothing",
                        "write a sentence, or leave it out",
                    );
                }
                ("reason", _) => {}
                ("approval" | "typed", _) if !permits => self.fault(
                    file,
                    at,
                    format!("`@{key}` means nothing on a `forbid`"),
                    "write it on the `permit` that allows the same",
                ),
                ("approval" | "typed", _) if concerned == [Deed::Approve] => self.fault(
                    file,
                    at,
                    format!("`@{key}` means nothing where it is about saying yes"),
                    "write it on the `permit` for the tool",
                ),
                ("approval", value) => {
                    let levels = [Approval::Own, Approval::Another, Approval::Two];
                    approval = levels.into_iter().find(|level| level.name() == value);
                    if approval.is_none() {
                        self.fault(
                            file,
                            at,
                            format!("`{}` is no approval", shortened(value)),
                            "it is one of \"own\", \"another\", \"two\"",
                        );
                    }
                }
                ("typed", "yes") => typed = true,
                ("typed", value) => self.fault(
                    file,
                    at,
                    format!("`@typed` cannot be \"{}\"", shortened(value)),
                    "write `@typed(\"yes\")`, or leave it out",
                ),
                (key, _) => self.fault(
                    file,
                    at,
                    format!("there is no annotation `@{}`", shortened(key)),
                    "it is one of `@id`, `@reason`, `@approval`, `@typed`",
                ),
            }
        }
        (approval, typed)
    }

    fn wording(&mut self, file: usize, policy: &Policy, concerned: &[Deed], wording: &Wording) {
        let (at, head) = (span(policy), self.head(file, policy));
        for slip in &wording.slips {
            let text = self.text(file).text;
            let place = slip.words.iter().find_map(|words| find(text, at, words)).unwrap_or(head);
            self.fault(file, place, &slip.what, &slip.remedy);
        }
        let above_read = concerned.iter().find(|deed| match deed {
            Deed::Use(tool) => tool.risk() != Risk::Read,
            Deed::Approve => true,
        });
        if let Some(deed) = above_read
            && policy.effect() == Effect::Permit
            && wording.unconditional
        {
            self.fault(
                file,
                head,
                format!("this permits everybody `{}` on everybody", deed.name()),
                "say who: `when { principal.helpdesk }`, or `principal in Group::\"…\"`",
            );
        }
    }
}

/// Where a policy stands in its text: offset and length, in bytes.
fn span(policy: &Policy) -> (usize, usize) {
    policy.as_ref().loc().map_or((0, 0), |loc| (loc.span.offset(), loc.span.len()))
}

/// Where one of its annotations stands.
fn annotation(policy: &Policy, key: &str) -> Option<(usize, usize)> {
    let mut all = policy.as_ref().annotations();
    let loc = all.find(|(name, _)| name.as_ref() == key)?.1.loc.as_ref()?;
    Some((loc.span.offset(), loc.span.len()))
}

/// Where words stand within a part of a text, comments aside.
fn find(text: &str, (offset, length): (usize, usize), words: &str) -> Option<(usize, usize)> {
    let part = text.get(offset..offset + length).filter(|_| !words.is_empty())?;
    let mut start = offset;
    for line in part.split_inclusive('\n') {
        let code = line.split("//").next().unwrap_or_default();
        if let Some(at) = code.find(words) {
            return Some((start + at, words.len()));
        }
        start += line.len();
    }
    None
}

/// Enough of what somebody wrote to recognise it.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
