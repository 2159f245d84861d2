//! What counts as the requester's yes, and what becomes of it.

use subtwin_confirm::{
    Answer, Answers, Declined, Ignored, Language, Over, PATIENCE, Standing, Verdict, prompt,
    question,
};
use subtwin_hear::{Heard, RefersTo, Speaker};
use subtwin_kernel::{Action, Approval, Digest, MessageId, Plan};

use crate::company::{DOUG, E3, PAUL, SARAH};
use crate::talk::{
    ABROAD, HOME, PROMPT, SHOWN, UPN, approved_by, chat, english, hear, later, plan, says,
    standing, typed, waiting,
};

/// Asserts that a message neither confirms nor ends it, and that the yes after it still counts.
fn is_ignored(plan: &Plan, heard: &Heard, because: Ignored) {
    let Verdict::Wait(still, why) = hear(waiting(plan.clone()), heard) else {
        panic!("{heard:?} was not ignored");
    };
    assert_eq!(why, because, "{heard:?}");
    let answer = plan.type_back.as_deref().unwrap_or("yes");
    let Verdict::Yes(_) = hear(still, &says(DOUG, answer)) else {
        panic!("after {heard:?}, a real yes does not count");
    };
}

fn is_over(plan: &Plan, heard: &Heard) -> Over {
    match hear(waiting(plan.clone()), heard) {
        Verdict::Over(over) => *over,
        other => panic!("{heard:?} gave {other:?}"),
    }
}

fn counts(plan: &Plan, heard: &Heard) -> bool {
    matches!(hear(waiting(plan.clone()), heard), Verdict::Yes(_))
}

#[test]
fn the_requesters_yes_releases_exactly_the_plan_that_was_shown() {
    let Verdict::Yes(assent) = hear(waiting(plan()), &says(DOUG, "yes")) else {
        panic!("a yes is a yes");
    };
    let standing = standing(&assent);
    let confirmed = assent.release(&plan(), &standing, later(60)).unwrap();
    assert_eq!(confirmed.plan(), &plan());
    assert_eq!((confirmed.requester().user, confirmed.requester().tenant), (DOUG, HOME));
    assert_eq!(confirmed.chat(), &chat(DOUG));
    assert_eq!(confirmed.asked_by(), MessageId::new(PROMPT - 1000));
    let [yes] = confirmed.given() else { panic!("{:?}", confirmed.given()) };
    assert_eq!((yes.by, &yes.chat, yes.typed, yes.at), (DOUG, &chat(DOUG), false, SHOWN));
    assert_eq!((yes.prompt, yes.answer), (MessageId::new(PROMPT), MessageId::new(PROMPT + 1000)));
    assert_eq!(yes.heard, says(DOUG, "yes"), "to be looked at again before anything is done");
    assert_eq!(confirmed.into_plan(), plan());
}

#[test]
fn a_yes_by_anybody_else_does_not_count() {
    for other in [SARAH, PAUL] {
        // In their own conversation, and in the requester's.
        is_ignored(&plan(), &says(other, "yes"), Ignored::SomebodyElse);
        let there = Heard { chat: chat(DOUG), ..says(other, "yes") };
        is_ignored(&plan(), &there, Ignored::SomebodyElse);
    }
}

#[test]
fn the_same_object_id_in_another_tenant_is_somebody_else() {
    let from = Speaker { tenant: ABROAD, ..says(DOUG, "yes").from };
    is_ignored(&plan(), &Heard { from, ..says(DOUG, "yes") }, Ignored::SomebodyElse);
}

#[test]
fn a_display_name_identifies_nobody() {
    let doug = says(DOUG, "yes").from;
    let renamed = Speaker { display_name: "Doug Hale".to_owned(), ..doug };
    let posing = Speaker { user: SARAH, ..renamed.clone() };
    let heard = |from: &Speaker| Heard { from: from.clone(), ..says(DOUG, "yes") };
    is_ignored(&plan(), &heard(&posing), Ignored::SomebodyElse);
    assert!(counts(&plan(), &heard(&renamed)));
}

#[test]
fn a_yes_in_another_chat_does_not_count() {
    for elsewhere in [chat(SARAH), chat(PAUL)] {
        let heard = Heard { chat: elsewhere, ..says(DOUG, "yes") };
        is_ignored(&plan(), &heard, Ignored::OtherChat);
    }
}

#[test]
fn a_yes_that_is_not_newer_than_the_prompt_does_not_count() {
    for (message, newer) in [(1, false), (PROMPT - 1, false), (PROMPT, false), (PROMPT + 1, true)] {
        let heard = Heard { message: MessageId::new(message), ..says(DOUG, "yes") };
        if newer {
            assert!(counts(&plan(), &heard), "{message}");
        } else {
            is_ignored(&plan(), &heard, Ignored::TooOld);
        }
    }
}

#[test]
fn once_the_prompt_was_shown_again_only_what_is_newer_than_that_answers_it() {
    let again = || waiting(plan()).shown_again(MessageId::new(PROMPT + 500));
    let at = |message| Heard { message: MessageId::new(message), ..says(DOUG, "yes") };
    for old in [PROMPT + 1, PROMPT + 500] {
        let verdict = hear(again(), &at(old));
        assert!(matches!(verdict, Verdict::Wait(_, Ignored::TooOld)), "{old}: {verdict:?}");
    }
    let Verdict::Yes(assent) = hear(again(), &at(PROMPT + 501)) else { panic!("a yes is a yes") };
    assert_eq!(assent.given()[0].prompt, MessageId::new(PROMPT + 500));
    // The time to answer does not start anew.
    let late = again().hear(&says(DOUG, "yes"), english(), later(301));
    assert!(matches!(late, Verdict::Over(_)), "{late:?}");
}

#[test]
fn an_edited_message_never_confirms() {
    let heard = Heard { edited: true, ..says(DOUG, "yes") };
    is_ignored(&plan(), &heard, Ignored::Edited);
    let heard = Heard { edited: true, ..says(DOUG, UPN) };
    is_ignored(&typed(), &heard, Ignored::Edited);
}

#[test]
fn a_yes_that_quotes_or_passes_on_another_message_does_not_count() {
    for refers_to in [
        RefersTo::Something,
        RefersTo::Message(MessageId::new(PROMPT - 1)),
        RefersTo::Message(MessageId::new(PROMPT + 1)),
    ] {
        let heard = Heard { refers_to, ..says(DOUG, "yes") };
        is_ignored(&plan(), &heard, Ignored::RefersElsewhere);
    }
    let this = Heard { refers_to: RefersTo::Message(MessageId::new(PROMPT)), ..says(DOUG, "yes") };
    assert!(counts(&plan(), &this), "quoting the prompt itself is an answer to it");
}

#[test]
fn only_the_words_of_the_tenants_languages_count() {
    let said = |languages: &[Language], text: &str| {
        let answers = Answers::new(languages.iter().copied());
        waiting(plan()).hear(&says(DOUG, text), &answers, SHOWN)
    };
    for (languages, text, is_yes) in [
        (&[Language::English][..], "yes", true),
        (&[Language::English], "ja", false),
        (&[Language::German], "ja", true),
        (&[Language::German], "yes", false),
        (&[Language::German, Language::English], "yes", true),
        (&[Language::German, Language::English], "Ja, bitte!", true),
        (&[Language::English], "ok", false),
        (&[Language::English], "yes I think so", false),
        (&[Language::English], "\"yes\"", false),
        (&[Language::English], "", false),
    ] {
        let verdict = said(languages, text);
        assert_eq!(matches!(verdict, Verdict::Yes(_)), is_yes, "{text} {languages:?}: {verdict:?}");
    }
}

#[test]
fn a_yes_after_five_minutes_releases_nothing() {
    let patience = i64::try_from(PATIENCE.as_secs()).unwrap();
    assert_eq!(patience, 300);
    let said = |seconds| waiting(plan()).hear(&says(DOUG, "yes"), english(), later(seconds));
    assert!(matches!(said(patience), Verdict::Yes(_)), "just in time");
    for late in [patience + 1, patience * 100] {
        let Verdict::Over(over) = said(late) else { panic!("released after {late}") };
        assert_eq!((over.why, over.answer), (Declined::Expired, None));
    }
    assert!(!waiting(plan()).is_expired(later(patience)));
    assert!(waiting(plan()).is_expired(later(patience + 1)));
}

#[test]
fn what_does_not_answer_the_prompt_does_not_even_end_it_when_it_is_late() {
    let elsewhere = Heard { chat: chat(SARAH), ..says(DOUG, "yes") };
    let verdict = waiting(plan()).hear(&elsewhere, english(), later(301));
    assert!(matches!(verdict, Verdict::Wait(_, Ignored::OtherChat)), "{verdict:?}");
}

#[test]
fn a_no_ends_it_and_says_who_and_by_which_message() {
    for no in ["no", "No, thanks.", "STOP!", "never mind"] {
        for plan in [plan(), typed(), approved_by(Approval::Two)] {
            let over = is_over(&plan, &says(DOUG, no));
            assert_eq!(over.why, Declined::No(DOUG), "{no}");
            assert_eq!(over.answer, Some(MessageId::new(PROMPT + 1000)));
            assert_eq!((&over.plan, over.prompt), (&plan, MessageId::new(PROMPT)));
        }
    }
    // Whose answer does not count cannot end it either.
    is_ignored(&plan(), &says(SARAH, "no"), Ignored::SomebodyElse);
}

#[test]
fn a_yes_that_goes_on_ends_it_as_a_changed_mind() {
    for (said, rest) in [
        ("yes, but for somebody else", "but for somebody else"),
        ("no, an E5 instead", "an E5 instead"),
        ("Yes but not Sarah", "but not Sarah"),
    ] {
        for plan in [plan(), typed(), approved_by(Approval::Another)] {
            let over = is_over(&plan, &says(DOUG, said));
            assert_eq!(over.why, Declined::ChangedMind(rest.to_owned()), "{said}");
            assert_eq!(over.answer, Some(MessageId::new(PROMPT + 1000)));
        }
    }
    is_ignored(&plan(), &says(SARAH, "yes, but for me"), Ignored::SomebodyElse);
}

#[test]
fn anything_else_leaves_it_open() {
    for said in ["who is Sarah?", "hm", "yes?", "give Bob an E5", "sarah.lin@contoso.com"] {
        is_ignored(&plan(), &says(DOUG, said), Ignored::NeitherYesNorNo);
    }
}

#[test]
fn where_the_name_must_be_typed_a_bare_yes_does_nothing() {
    for yes in ["yes", "Yes, please!", "go ahead"] {
        is_ignored(&typed(), &says(DOUG, yes), Ignored::MustBeTyped);
    }
    for near in [
        "sarah.lin",
        "sarah.lin@contoso.co",
        "sarah.lin@contoso.com please",
        "yes sarah.lin@contoso.com",
        "sarah,lin@contoso.com",
        "s\u{430}rah.lin@contoso.com",
        "sarah.lin @contoso.com",
    ] {
        is_ignored(&typed(), &says(DOUG, near), Ignored::NeitherYesNorNo);
    }
}

#[test]
fn the_typed_name_counts_in_any_case_of_letters() {
    for said in [UPN, "SARAH.LIN@CONTOSO.COM", "Sarah.Lin@Contoso.com", " sarah.lin@contoso.com "] {
        let Verdict::Yes(assent) = hear(waiting(typed()), &says(DOUG, said)) else {
            panic!("{said} does not count");
        };
        assert!(assent.given()[0].typed, "{said}");
    }
    // Also of one that the directory writes in capitals.
    let capitals = Plan { type_back: Some("SARAH.Lin@contoso.com".to_owned()), ..plan() };
    assert!(counts(&capitals, &says(DOUG, UPN)));
}

#[test]
fn a_typed_name_is_held_to_every_rule_that_a_yes_is_held_to() {
    let good = says(DOUG, UPN);
    let old = Heard { message: MessageId::new(PROMPT), ..good.clone() };
    let quoting = Heard { refers_to: RefersTo::Something, ..good.clone() };
    let elsewhere = Heard { chat: chat(SARAH), ..good };
    is_ignored(&typed(), &says(SARAH, UPN), Ignored::SomebodyElse);
    is_ignored(&typed(), &old, Ignored::TooOld);
    is_ignored(&typed(), &quoting, Ignored::RefersElsewhere);
    is_ignored(&typed(), &elsewhere, Ignored::OtherChat);
    let late = waiting(typed()).hear(&says(DOUG, UPN), english(), later(301));
    assert!(matches!(late, Verdict::Over(_)), "{late:?}");
}

fn refused(plan: Plan, fresh: &Plan, standing: &[Standing]) -> Declined {
    match hear(waiting(plan), &says(DOUG, "yes")) {
        Verdict::Yes(assent) => assent.release(fresh, standing, later(60)).unwrap_err().why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_prompt_or_an_answer_that_was_changed_or_deleted_releases_nothing() {
    let stands = |prompt, answer| [Standing { prompt, answer }];
    for (standing, why) in [
        (&stands(false, true)[..], Declined::PromptChanged),
        (&stands(true, false), Declined::AnswerChanged),
        (&stands(false, false), Declined::PromptChanged),
        // Not looked at is not standing; nor is more than was given.
        (&[], Declined::PromptChanged),
        (&[Standing { prompt: true, answer: true }; 2], Declined::PromptChanged),
    ] {
        assert_eq!(refused(plan(), &plan(), standing), why, "{standing:?}");
    }
}

#[test]
fn anything_that_changed_since_it_was_shown_releases_nothing() {
    type Change = (&'static str, fn(&mut Plan));
    let changes: [Change; 19] = [
        ("headline", |p| p.parts[0].shown.headline.push('!')),
        ("target", |p| p.parts[0].shown.target = "Sarah Lin, Finance".to_owned()),
        ("object", |p| p.parts[0].shown.object = None),
        ("before", |p| p.parts[0].shown.before.push('x')),
        ("after", |p| p.parts[0].shown.after = "Has it. 1 seat free.".to_owned()),
        ("consequences", |p| p.parts[0].shown.consequences.clear()),
        ("undo", |p| p.parts[0].shown.undo.push('x')),
        ("path", |p| p.parts[0].step.path.push('x')),
        ("body", |p| p.parts[0].step.body = None),
        ("action", |p| {
            p.parts[0].action = Action::LicenseRemove { person: SARAH, sku: E3 };
        }),
        ("another part", |p| p.parts.push(p.parts[0].clone())),
        ("a part less", |p| p.parts.clear()),
        ("left out", |p| p.left_out.push("Bob is gone.".to_owned())),
        ("whose name it appears under", |p| p.appears_as = "Sue (sue@contoso.com)".to_owned()),
        ("who must say yes", |p| p.approval = Approval::Another),
        ("what must be typed", |p| p.type_back = Some(UPN.to_owned())),
        ("the catalog", |p| p.rules.catalog = Digest::of(b"another")),
        ("the policies", |p| p.rules.policy = Digest::of(b"another")),
        ("the policies that allow it", |p| p.rules.allowed_by.clear()),
    ];
    let stands = [Standing { prompt: true, answer: true }];
    for (what, change) in changes {
        let mut fresh = plan();
        change(&mut fresh);
        assert_eq!(refused(plan(), &fresh, &stands), Declined::Drifted, "{what}");
    }
}

#[test]
fn what_can_no_longer_be_done_ends_it_in_spite_of_the_yes() {
    let Verdict::Yes(assent) = hear(waiting(plan()), &says(DOUG, "yes")) else { panic!("no yes") };
    let over = assent.end(Declined::NoLongerPossible);
    assert_eq!((over.why, over.plan), (Declined::NoLongerPossible, plan()));
}

#[test]
fn a_yes_that_was_not_acted_upon_within_a_minute_releases_nothing() {
    for (seconds, counts) in [(0, true), (60, true), (61, false), (3600, false)] {
        let at = later(10);
        let Verdict::Yes(assent) = waiting(plan()).hear(&says(DOUG, "yes"), english(), at) else {
            panic!("a yes is a yes");
        };
        let standing = standing(&assent);
        let released = assent.release(&plan(), &standing, later(10 + seconds));
        let why = released.as_ref().err().map(|over| &over.why);
        assert_eq!(why, (!counts).then_some(&Declined::Expired), "after {seconds} s");
    }
}

/// What a press of one of a question's choices is heard as.
fn pressed(plan: &Plan, name: &str, on: u64) -> Option<Heard> {
    let asked = question(prompt(plan, english()), plan, english());
    let choice = asked.choices.into_iter().find(|choice| choice.name == name)?;
    let refers_to = RefersTo::Message(MessageId::new(on));
    Some(Heard { refers_to, ..says(DOUG, &choice.says) })
}

#[test]
fn a_press_counts_as_the_typed_word_does_for_the_prompt_it_stands_under_and_for_no_other() {
    assert!(counts(&plan(), &pressed(&plan(), "yes", PROMPT).unwrap()));
    let over = is_over(&plan(), &pressed(&plan(), "no", PROMPT).unwrap());
    assert_eq!(over.why, Declined::No(DOUG));
    for other in [PROMPT - 1, PROMPT + 1] {
        is_ignored(&plan(), &pressed(&plan(), "yes", other).unwrap(), Ignored::RefersElsewhere);
    }
}

#[test]
fn there_is_no_yes_to_press_where_the_name_must_be_typed() {
    assert_eq!(pressed(&typed(), "yes", PROMPT), None);
    is_over(&typed(), &pressed(&typed(), "no", PROMPT).unwrap());
}

#[test]
fn buttons_name_a_yes_and_a_no_in_each_of_the_tenants_languages() {
    let answers = Answers::new([Language::English, Language::German]);
    let labels: Vec<_> = question(prompt(&plan(), &answers), &plan(), &answers)
        .choices
        .into_iter()
        .map(|choice| (choice.label, answers.read(&choice.says)))
        .collect();
    assert_eq!(
        labels,
        [("Yes / Ja".to_owned(), Answer::Yes), ("No / Nein".to_owned(), Answer::No)]
    );
}
