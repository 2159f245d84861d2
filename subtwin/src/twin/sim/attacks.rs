//! Each attack on a yes, by name.

use std::time::Duration;

use subtwin_hear::RefersTo;
use subtwin_kernel::MessageId;

use super::chats::Author;
use super::company::{ADA, BOB, CARL, DANA, DOUG, GINA, MONA, OMAR, PAUL, PETRA, ZOE, chat_of};
use super::process::other_policies;
use super::scene::{Prompt, Scene, e3, new_password, sign_out};
use super::tenant::{Deed, What};
use super::world::Event;

/// Doug has been shown a change that needs only his own yes.
async fn shown() -> (Scene, Prompt) {
    let scene = Scene::open().await;
    let prompt = scene.asks(DOUG, sign_out(OMAR)).await;
    (scene, prompt)
}

/// Doug has said yes to a new password for Omar, and approvers are asked.
async fn with_approvers() -> Scene {
    let scene = Scene::open().await;
    let prompt = scene.asks(DOUG, new_password(OMAR)).await;
    scene.says(DOUG, &prompt.yes).await;
    assert!(scene.prompt(PAUL).is_some(), "Paul is asked: {}", scene.last(PAUL));
    scene
}

async fn nothing_happens(scene: Scene) {
    assert_eq!(scene.effects(), 0);
    assert_eq!(scene.ends().await.effects, 0);
}

#[tokio::test(start_paused = true)]
async fn a_plain_yes_is_acted_upon_once() {
    let (scene, prompt) = shown().await;
    scene.says(DOUG, &prompt.yes).await;
    assert_eq!(scene.effects(), 1);
    assert_eq!(scene.ends().await.effects, 1);
}

#[tokio::test(start_paused = true)]
async fn a_yes_by_somebody_else_in_their_own_chat_does_nothing() {
    let (scene, _) = shown().await;
    scene.says(DANA, "yes").await;
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_yes_by_somebody_else_in_the_requesters_chat_does_nothing() {
    let (scene, prompt) = shown().await;
    scene.writes(DANA, &prompt.chat, "yes", RefersTo::Nothing);
    scene.wait(2_000).await;
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_yes_from_another_chat_does_nothing() {
    let (scene, _) = shown().await;
    scene.writes(DOUG, &chat_of(ZOE), "yes", RefersTo::Nothing);
    scene.wait(2_000).await;
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_edited_into_a_yes_does_nothing() {
    let (scene, prompt) = shown().await;
    scene.world.with(|state| {
        let message =
            super::chats::written(DOUG, "hm".to_owned(), super::chats::Meaning::Talk, state.now);
        let id = state.chats.add(&prompt.chat, message);
        let now = state.now;
        let message = state.chats.get_mut(&prompt.chat, id).unwrap();
        message.text = "yes".to_owned();
        message.edited = Some(now);
        state.later(5, Event::Deliver { chat: prompt.chat.clone(), message: id, carries: None });
    });
    scene.wait(2_000).await;
    assert!(scene.last(DOUG).contains("only from a new message"), "{}", scene.last(DOUG));
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_yes_edited_after_it_was_read_and_before_it_is_acted_upon_does_nothing() {
    let (scene, prompt) = shown().await;
    let yes = scene.writes(DOUG, &prompt.chat, "yes", RefersTo::Nothing);
    let edit = Event::Edit { chat: prompt.chat.clone(), message: yes };
    scene.world.with(|state| state.later(6, edit));
    scene.wait(3_000).await;
    assert!(scene.last(DOUG).contains("changed or deleted your yes"), "{}", scene.last(DOUG));
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_yes_that_quotes_an_older_prompt_does_nothing() {
    let scene = Scene::open().await;
    let first = scene.asks(DOUG, sign_out(OMAR)).await;
    scene.says(DOUG, "no").await;
    scene.asks(DOUG, e3(MONA)).await;
    scene.writes(DOUG, &first.chat, "yes", RefersTo::Message(first.id));
    scene.wait(2_000).await;
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_forwarded_yes_does_nothing() {
    let (scene, prompt) = shown().await;
    scene.writes(DOUG, &prompt.chat, "yes", RefersTo::Something);
    scene.wait(2_000).await;
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_yes_after_five_minutes_does_nothing() {
    let (scene, _) = shown().await;
    scene.wait(301_000).await;
    scene.says(DOUG, "yes").await;
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_yes_said_twice_counts_once() {
    let (scene, prompt) = shown().await;
    scene.writes(DOUG, &prompt.chat, "yes", RefersTo::Nothing);
    scene.writes(DOUG, &prompt.chat, "yes", RefersTo::Nothing);
    scene.wait(5_000).await;
    assert_eq!(scene.ends().await.effects, 1);
}

#[tokio::test(start_paused = true)]
async fn a_yes_delivered_twice_counts_once() {
    let (scene, prompt) = shown().await;
    let yes = scene.writes(DOUG, &prompt.chat, "yes", RefersTo::Nothing);
    for after in [6, 300, 4_000] {
        let again = Event::Deliver { chat: prompt.chat.clone(), message: yes, carries: None };
        scene.world.with(|state| state.later(after, again));
    }
    scene.wait(6_000).await;
    assert_eq!(scene.ends().await.effects, 1);
}

#[tokio::test(start_paused = true)]
async fn a_yes_after_the_policies_changed_does_nothing() {
    let (scene, _) = shown().await;
    scene.process.desk.take_policies(other_policies());
    scene.says(DOUG, "yes").await;
    assert!(scene.last(DOUG).contains("Something has changed"), "{}", scene.last(DOUG));
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_yes_after_the_directory_changed_does_nothing() {
    let scene = Scene::open().await;
    scene.asks(DOUG, e3(MONA)).await;
    // A seat goes to somebody else: what was shown is not so any more.
    let deed = Deed { person: DANA, what: What::Licence(0, true) };
    scene.world.with(|state| state.later(1, Event::Meddle { deed }));
    scene.wait(10).await;
    scene.says(DOUG, "yes").await;
    assert!(scene.last(DOUG).contains("Something has changed"), "{}", scene.last(DOUG));
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_yes_to_an_edited_prompt_does_nothing() {
    let (scene, prompt) = shown().await;
    let edit = Event::Edit { chat: prompt.chat, message: prompt.id };
    scene.world.with(|state| state.later(1, edit));
    scene.says(DOUG, "yes").await;
    assert!(scene.last(DOUG).contains("is not what I posted"), "{}", scene.last(DOUG));
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_yes_to_a_deleted_prompt_does_nothing() {
    let (scene, prompt) = shown().await;
    let gone = Event::Delete { chat: prompt.chat, message: prompt.id };
    scene.world.with(|state| state.later(1, gone));
    scene.says(DOUG, "yes").await;
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_yes_that_is_older_than_its_prompt_does_nothing() {
    let (scene, prompt) = shown().await;
    scene.world.with(|state| {
        let message =
            super::chats::written(DOUG, "yes".to_owned(), super::chats::Meaning::Yes, state.now);
        let id = MessageId::new(prompt.id.number() - 1);
        state.chats.0.get_mut(&prompt.chat).unwrap().insert(id.number(), message);
        state.later(5, Event::Deliver { chat: prompt.chat.clone(), message: id, carries: None });
    });
    scene.wait(2_000).await;
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_strangers_yes_with_the_requesters_object_id_does_nothing() {
    let (scene, prompt) = shown().await;
    scene.world.with(|state| {
        let mut message =
            super::chats::written(DOUG, "yes".to_owned(), super::chats::Meaning::Yes, state.now);
        message.author = Author::Person { at: DOUG, foreign: true };
        let id = state.chats.add(&prompt.chat, message);
        state.later(5, Event::Deliver { chat: prompt.chat.clone(), message: id, carries: None });
    });
    scene.wait(2_000).await;
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn an_approvers_yes_completes_the_requesters() {
    let scene = with_approvers().await;
    assert_eq!(scene.effects(), 0, "not on the requester's yes alone");
    scene.says(PAUL, "yes").await;
    let tally = scene.ends().await;
    assert_eq!((tally.effects, tally.secrets), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_requester_who_is_an_approver_too_is_not_asked_and_counts_once() {
    let scene = with_approvers().await;
    // Doug is helpdesk, and helpdesk may approve: but not what he asked for himself.
    assert!(scene.prompt(DOUG).is_none(), "{}", scene.last(DOUG));
    scene.says(DOUG, "yes").await;
    scene.says(DOUG, "yes").await;
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn an_approver_whom_it_is_about_is_not_asked() {
    let scene = Scene::open().await;
    let prompt = scene.asks(DOUG, new_password(PAUL)).await;
    scene.says(DOUG, &prompt.yes).await;
    assert!(scene.prompt(PETRA).is_some(), "{}", scene.last(PETRA));
    assert_eq!(scene.last(PAUL), "", "Paul is not asked about himself");
    scene.says(PAUL, "yes").await;
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn guests_blocked_accounts_and_the_unlisted_are_never_asked_and_their_yes_counts_nothing() {
    let scene = with_approvers().await;
    for who in [GINA, BOB, CARL, ADA, ZOE] {
        assert!(scene.prompt(who).is_none(), "{}", scene.last(who));
        scene.says(who, "yes").await;
    }
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn an_approver_who_is_asking_for_something_themselves_is_asked_when_that_is_over() {
    let scene = Scene::open().await;
    // Dana waits for her own answer while Doug's request needs approvers.
    let own = scene.asks(DANA, sign_out(ZOE)).await;
    let prompt = scene.asks(DOUG, new_password(OMAR)).await;
    scene.says(DOUG, &prompt.yes).await;
    let still = scene.prompt(DANA).expect("her own prompt stands last");
    assert_eq!(still.id, own.id);
    scene.says(DANA, "yes").await;
    scene.wait(30_000).await;
    assert_eq!(scene.effects(), 1, "her own, and not Doug's");
    let asked = scene.prompt(DANA).map(|prompt| prompt.text).unwrap_or_default();
    assert!(asked.starts_with("Your yes is needed, too."), "{}", scene.last(DANA));
    scene.says(DANA, "yes").await;
    assert_eq!(scene.ends().await.effects, 2);
}

#[tokio::test(start_paused = true)]
async fn two_approvers_at_the_same_instant_make_one_change() {
    let scene = with_approvers().await;
    for who in [PAUL, PETRA, DANA] {
        scene.writes(who, &chat_of(who), "yes", RefersTo::Nothing);
    }
    scene.wait(5_000).await;
    assert_eq!(scene.ends().await.effects, 1);
}

#[tokio::test(start_paused = true)]
async fn one_approvers_no_and_anothers_yes_at_the_same_instant_make_at_most_one_ending() {
    let scene = with_approvers().await;
    scene.writes(PAUL, &chat_of(PAUL), "no", RefersTo::Nothing);
    scene.writes(PETRA, &chat_of(PETRA), "yes", RefersTo::Nothing);
    scene.wait(5_000).await;
    let before = scene.effects();
    assert!(before <= 1);
    assert_eq!(scene.ends().await.effects, u64::try_from(before).unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_approvers_yes_after_the_requester_cancelled_does_nothing() {
    let scene = with_approvers().await;
    scene.says(DOUG, "cancel").await;
    scene.says(PAUL, "yes").await;
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancel_and_an_approvers_yes_at_the_same_instant_have_one_ending() {
    let scene = with_approvers().await;
    scene.writes(DOUG, &chat_of(DOUG), "cancel", RefersTo::Nothing);
    scene.writes(PAUL, &chat_of(PAUL), "yes", RefersTo::Nothing);
    scene.wait(5_000).await;
    let before = scene.effects();
    assert!(before <= 1);
    assert_eq!(scene.ends().await.effects, u64::try_from(before).unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_approvers_yes_after_half_an_hour_does_nothing() {
    let scene = with_approvers().await;
    scene.wait(Duration::from_secs(30 * 60 + 1).as_millis().try_into().unwrap()).await;
    scene.says(PAUL, "yes").await;
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn the_requesters_yes_edited_while_approvers_think_does_nothing() {
    let scene = Scene::open().await;
    let prompt = scene.asks(DOUG, new_password(OMAR)).await;
    let yes = scene.says(DOUG, &prompt.yes).await;
    let edit = Event::Edit { chat: prompt.chat, message: yes };
    scene.world.with(|state| state.later(1, edit));
    scene.says(PAUL, "yes").await;
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_no_the_same_effect_by_another_tool_is_not_proposed() {
    let scene = Scene::open().await;
    scene.asks(DOUG, new_password(OMAR)).await;
    scene.says(DOUG, "no").await;
    scene.world.with(|state| {
        let call = subtwin_kernel::Call::TapIssue {
            person: super::scene::named(OMAR),
            minutes: None,
            reusable: false,
        };
        let mode = subtwin_understand::Mode::Ask;
        state.asks.push(subtwin_understand::Turn::Calls { calls: vec![call], mode });
    });
    scene.says(DOUG, "please do #1").await;
    assert!(scene.prompt(DOUG).is_none(), "{}", scene.last(DOUG));
    assert!(scene.last(DOUG).contains("turned down a moment ago"), "{}", scene.last(DOUG));
    nothing_happens(scene).await;
}

#[tokio::test(start_paused = true)]
async fn an_entry_of_the_tenants_log_belongs_to_one_call_also_where_another_found_it_so_already() {
    let mut both = 0;
    for seed in 1..=12 {
        let scene = Scene::of(seed).await;
        // Replicas lag, so that the second may not see what the first has just done.
        scene.world.with(|state| {
            state.tenant.copies_ids = false;
            state.faults.lag = 20_000;
        });
        for who in [DOUG, DANA] {
            let person = super::scene::named(CARL);
            scene.asks(who, subtwin_kernel::Call::AccountUnblock { person }).await;
        }
        for who in [DOUG, DANA] {
            scene.writes(who, &chat_of(who), "yes", RefersTo::Nothing);
        }
        scene.wait(40_000).await;
        let tally = scene.ends().await;
        assert_eq!((tally.effects, tally.matched), (1, 1), "{tally:?}");
        both += u64::from(tally.intents == 2);
    }
    assert!(both > 0, "the second found it so already");
}
