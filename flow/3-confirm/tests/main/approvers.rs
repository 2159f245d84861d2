//! Where the requester's yes is not enough.

use subtwin_confirm::{
    APPROVERS_PATIENCE, Asked, Declined, Ignored, Over, Standing, Verdict, Waiting,
};
use subtwin_hear::{Heard, RefersTo, Speaker};
use subtwin_kernel::{Approval, MessageId, Plan, UserId};

use crate::company::{DANA, DOUG, MONA, PAUL, SARAH};
use crate::talk::{
    ABROAD, PROMPT, SHOWN, UPN, approved_by, chat, english, hear, later, plan, says, standing,
    waiting,
};

fn shown_to(approver: UserId) -> Asked {
    Asked { approver, chat: chat(approver), prompt: MessageId::new(PROMPT) }
}

/// Doug said yes, and it was shown to these.
fn with(plan: Plan, approvers: &[UserId]) -> Waiting {
    let answer = plan.type_back.clone().unwrap_or_else(|| "yes".to_owned());
    let Verdict::More(waiting) = hear(waiting(plan), &says(DOUG, &answer)) else {
        panic!("the requester's yes is not the last");
    };
    approvers.iter().fold(waiting, |waiting, approver| waiting.shown_to(shown_to(*approver)))
}

fn another() -> Waiting {
    with(approved_by(Approval::Another), &[PAUL])
}

fn two() -> Waiting {
    with(approved_by(Approval::Two), &[PAUL, DANA, MONA])
}

fn more(verdict: Verdict) -> Waiting {
    match verdict {
        Verdict::More(waiting) => waiting,
        other => panic!("{other:?}"),
    }
}

fn over(verdict: Verdict) -> Over {
    match verdict {
        Verdict::Over(over) => *over,
        other => panic!("{other:?}"),
    }
}

fn is_ignored(waiting: Waiting, heard: &Heard, because: Ignored) -> Waiting {
    match hear(waiting, heard) {
        Verdict::Wait(waiting, why) => {
            assert_eq!(why, because, "{heard:?}");
            waiting
        }
        other => panic!("{heard:?} gave {other:?}"),
    }
}

#[test]
fn the_requesters_yes_comes_first_and_then_the_approvers() {
    let asking = waiting(approved_by(Approval::Another)).shown_to(shown_to(PAUL));
    assert_eq!((asking.missing(), asking.is_with_approvers()), (2, false));
    let asking = is_ignored(asking, &says(PAUL, "yes"), Ignored::SomebodyElse);
    let asking = more(hear(asking, &says(DOUG, "yes")));
    assert_eq!((asking.missing(), asking.is_with_approvers()), (1, true));
    let Verdict::Yes(assent) = hear(asking, &says(PAUL, "yes")) else { panic!("that was all") };
    let by: Vec<UserId> = assent.given().iter().map(|yes| yes.by).collect();
    assert_eq!(by, [DOUG, PAUL]);
    let chats: Vec<_> = assent.given().iter().map(|yes| yes.chat.clone()).collect();
    assert_eq!(chats, [chat(DOUG), chat(PAUL)]);
    let all = standing(&assent);
    let confirmed = assent.release(&approved_by(Approval::Another), &all, later(60)).unwrap();
    assert_eq!(confirmed.given().len(), 2);
}

#[test]
fn an_approver_who_was_not_asked_is_nobody() {
    is_ignored(another(), &says(DANA, "yes"), Ignored::SomebodyElse);
    is_ignored(
        with(approved_by(Approval::Another), &[]),
        &says(PAUL, "yes"),
        Ignored::SomebodyElse,
    );
}

#[test]
fn nobody_approves_their_own_request() {
    let asking = another().shown_to(shown_to(DOUG));
    assert!(!asking.asked().iter().any(|asked| asked.approver == DOUG), "{asking:?}");
    let again = Heard { message: MessageId::new(PROMPT + 2000), ..says(DOUG, "yes") };
    let asking = is_ignored(asking, &again, Ignored::Twice);
    assert_eq!(asking.missing(), 1);
}

#[test]
fn one_approvers_yes_counts_once() {
    let asking = more(hear(two(), &says(PAUL, "yes")));
    let again = Heard { message: MessageId::new(PROMPT + 2000), ..says(PAUL, "yes") };
    let asking = is_ignored(asking, &again, Ignored::Twice);
    // Not even after they were shown it once more.
    let asking = is_ignored(asking.shown_to(shown_to(PAUL)), &again, Ignored::Twice);
    assert_eq!(asking.missing(), 1);
}

#[test]
fn where_two_approvers_are_needed_it_takes_two_different_people() {
    for (first, second) in [(PAUL, DANA), (DANA, PAUL), (MONA, PAUL)] {
        let asking = more(hear(two(), &says(first, "yes")));
        let Verdict::Yes(assent) = hear(asking, &says(second, "yes")) else {
            panic!("two are two")
        };
        let by: Vec<UserId> = assent.given().iter().map(|yes| yes.by).collect();
        assert_eq!(by, [DOUG, first, second]);
    }
}

#[test]
fn an_approvers_no_ends_it() {
    let ended = over(hear(another(), &says(PAUL, "no")));
    assert_eq!(ended.why, Declined::No(PAUL));
    assert_eq!(ended.asked, [shown_to(PAUL)], "whoever was asked is told");
    // Also the second one's, after the first one's yes.
    let asking = more(hear(two(), &says(PAUL, "yes")));
    assert_eq!(over(hear(asking, &says(DANA, "no"))).why, Declined::No(DANA));
}

#[test]
fn the_requester_may_take_it_back_while_approvers_are_asked() {
    for no in ["no", "Stop!", "cancel that"] {
        let ended = over(hear(another(), &says(DOUG, no)));
        assert_eq!(ended.why, Declined::No(DOUG), "{no}");
    }
    let asking = more(hear(two(), &says(PAUL, "yes")));
    assert_eq!(over(hear(asking, &says(DOUG, "no"))).why, Declined::No(DOUG));
    // Nobody does it for them, and not from elsewhere.
    let theirs = Heard { chat: chat(DOUG), ..says(SARAH, "no") };
    is_ignored(another(), &theirs, Ignored::SomebodyElse);
    let from = Speaker { tenant: ABROAD, ..says(DOUG, "no").from };
    is_ignored(another(), &Heard { from, ..says(DOUG, "no") }, Ignored::SomebodyElse);
    let elsewhere = Heard { chat: chat(SARAH), ..says(DOUG, "no") };
    is_ignored(another(), &elsewhere, Ignored::Twice);
}

#[test]
fn an_approver_cannot_want_something_else() {
    let but = says(PAUL, "yes, but for somebody else");
    is_ignored(another(), &but, Ignored::NeitherYesNorNo);
}

#[test]
fn an_approvers_yes_in_the_requesters_chat_does_nothing() {
    let there = Heard { chat: chat(DOUG), ..says(PAUL, "yes") };
    is_ignored(another(), &there, Ignored::OtherChat);
    let in_anothers = Heard { chat: chat(DANA), ..says(PAUL, "yes") };
    is_ignored(two(), &in_anothers, Ignored::OtherChat);
}

#[test]
fn an_approvers_yes_is_held_to_every_rule_that_a_requesters_is_held_to() {
    let good = says(PAUL, "yes");
    let from = Speaker { tenant: ABROAD, ..good.from.clone() };
    for (heard, because) in [
        (Heard { from, ..good.clone() }, Ignored::SomebodyElse),
        (Heard { message: MessageId::new(PROMPT), ..good.clone() }, Ignored::TooOld),
        (Heard { edited: true, ..good.clone() }, Ignored::Edited),
        (Heard { refers_to: RefersTo::Something, ..good.clone() }, Ignored::RefersElsewhere),
        (Heard { text: "ok".to_owned(), ..good.clone() }, Ignored::NeitherYesNorNo),
    ] {
        let asking = is_ignored(another(), &heard, because);
        assert!(matches!(hear(asking, &good), Verdict::Yes(_)), "after {heard:?}");
    }
}

#[test]
fn shown_once_more_only_what_is_newer_answers_an_approvers_prompt() {
    let newer = Asked { prompt: MessageId::new(PROMPT + 1000), ..shown_to(PAUL) };
    let asking = another().shown_to(newer.clone());
    assert_eq!(asking.asked(), [newer]);
    let asking = is_ignored(asking, &says(PAUL, "yes"), Ignored::TooOld);
    let answer = Heard { message: MessageId::new(PROMPT + 1001), ..says(PAUL, "yes") };
    assert!(matches!(hear(asking, &answer), Verdict::Yes(_)));
}

#[test]
fn where_the_name_must_be_typed_approvers_type_it_too() {
    let plan = || Plan { type_back: Some(UPN.to_owned()), ..approved_by(Approval::Another) };
    let asking = is_ignored(with(plan(), &[PAUL]), &says(PAUL, "yes"), Ignored::MustBeTyped);
    let Verdict::Yes(assent) = hear(asking, &says(PAUL, UPN)) else { panic!("that was all") };
    assert!(assent.given().iter().all(|yes| yes.typed), "{assent:?}");
}

#[test]
fn approvers_have_thirty_minutes_from_the_requesters_yes_on() {
    let patience = i64::try_from(APPROVERS_PATIENCE.as_secs()).unwrap();
    assert_eq!(patience, 1800);
    let asking = || {
        let asked = waiting(approved_by(Approval::Another));
        // The requester takes four minutes.
        more(asked.hear(&says(DOUG, "yes"), english(), later(240))).shown_to(shown_to(PAUL))
    };
    let said = |seconds| asking().hear(&says(PAUL, "yes"), english(), later(seconds));
    assert!(matches!(said(240 + patience), Verdict::Yes(_)), "just in time");
    assert_eq!(over(said(240 + patience + 1)).why, Declined::Expired);
    assert!(!asking().is_expired(later(240 + patience)));
    assert!(asking().is_expired(later(240 + patience + 1)));
    // The first approver's yes does not give the second one more time.
    let first = two().hear(&says(PAUL, "yes"), english(), later(patience));
    let second = more(first).hear(&says(DANA, "yes"), english(), later(patience + 1));
    assert_eq!(over(second).why, Declined::Expired);
}

#[test]
fn every_prompt_and_every_yes_must_still_stand() {
    let plan = approved_by(Approval::Two);
    let assent = || {
        let asking = more(hear(two(), &says(PAUL, "yes")));
        match hear(asking, &says(DANA, "yes")) {
            Verdict::Yes(assent) => assent,
            other => panic!("{other:?}"),
        }
    };
    let good = Standing { prompt: true, answer: true };
    for yes in 0..3 {
        let mut standing = [good; 3];
        standing[yes].prompt = false;
        assert_eq!(
            assent().release(&plan, &standing, later(60)).unwrap_err().why,
            Declined::PromptChanged
        );
        standing[yes] = Standing { prompt: true, answer: false };
        assert_eq!(
            assent().release(&plan, &standing, later(60)).unwrap_err().why,
            Declined::AnswerChanged
        );
    }
    let unlooked = assent().release(&plan, &[good; 2], later(60)).unwrap_err();
    assert_eq!(unlooked.why, Declined::PromptChanged);
    assert!(assent().release(&plan, &[good; 3], later(60)).is_ok());
}

#[test]
fn the_requesters_own_yes_is_enough_only_where_the_plan_says_so() {
    for (approval, missing) in [(Approval::Own, 1), (Approval::Another, 2), (Approval::Two, 3)] {
        let plan = approved_by(approval);
        assert_eq!(waiting(plan.clone()).missing(), missing);
        let verdict = waiting(plan).hear(&says(DOUG, "yes"), english(), SHOWN);
        assert_eq!(matches!(verdict, Verdict::Yes(_)), missing == 1, "{approval:?}: {verdict:?}");
    }
    assert_eq!(plan().approval, Approval::Own);
}

#[test]
fn the_requesters_prompt_is_not_moved_while_approvers_are_asked() {
    let asking = another().shown_again(MessageId::new(PROMPT + 7));
    assert_eq!(asking.prompt(), MessageId::new(PROMPT));
}
