//! Whole conversations: names resolved, questions asked and answered, memory.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use subtwin_kernel::{Call, ChatId, GroupId, SeededEntropy, SkuId, Tool, Which, Who, Words};
use subtwin_understand::{
    Brain, BrainError, Builtin, Mode, Talk, Turn, UnderstandError, Understood,
};
use uuid::Uuid;

use crate::company::{Company, DOUG, Twin, settings, user};

#[tokio::test]
async fn a_name_that_one_person_has_becomes_a_proposal_with_the_message_that_asked() {
    let mut twin = Twin::new();
    let heard = twin.message(DOUG, "19:doug@unq.gbl.spaces", "give Bob a Visio licence");
    let understood = twin.understanding.understand(&heard, twin.now, &SeededEntropy::new(1)).await;
    let Ok(Understood::Propose(proposal)) = understood else { panic!("{understood:?}") };
    assert_eq!(proposal.heard, heard);
    assert_eq!(proposal.mode, Mode::Ask);
    let [action] = proposal.actions.as_slice() else { panic!("{proposal:?}") };
    assert_eq!(twin.company.named(action), "assign bob.hale@contoso.com VISIOCLIENT");
}

#[tokio::test]
async fn several_requests_are_one_proposal_with_each_action_once_in_the_order_asked() {
    let mut twin = Twin::new();
    let understood = twin.hear("give Ann and Bob a Visio licence and add them to Finance").await;
    assert_eq!(
        twin.in_short(understood.as_ref().unwrap()),
        "assign ann.berg@contoso.com VISIOCLIENT; assign bob.hale@contoso.com VISIOCLIENT; \
         add ann.berg@contoso.com Finance; add bob.hale@contoso.com Finance"
    );
    assert_eq!(
        twin.says("add Ann, Bob and Ann to Finance and put Bob in Finance").await,
        "add ann.berg@contoso.com Finance; add bob.hale@contoso.com Finance"
    );
}

#[tokio::test]
async fn two_people_of_one_name_are_listed_with_upn_and_department_and_never_chosen_from() {
    let mut twin = Twin::new();
    let question = twin.says("give Sarah Lin a Visio licence").await;
    assert_eq!(
        question,
        "Which “Sarah Lin” do you mean?\n\
         1. Sarah Lin (sarah.lin@contoso.com), Finance\n\
         2. Sarah Lin (sarah.lin2@contoso.com), People Operations\n\
         3. Sarah Lindqvist (sarah.lindqvist@contoso.com), Sales\n\
         Answer with the number, or with a word that only one of them has."
    );
    assert_eq!(twin.says("2").await, "assign sarah.lin2@contoso.com VISIOCLIENT");
}

#[tokio::test]
async fn a_question_can_be_answered_in_many_ways() {
    for (answer, upn) in [
        ("2", "sarah.lin2@contoso.com"),
        ("the second one", "sarah.lin2@contoso.com"),
        ("the one in Finance", "sarah.lin@contoso.com"),
        ("sarah.lin2@contoso.com", "sarah.lin2@contoso.com"),
        ("sarah.lin", "sarah.lin@contoso.com"),
        ("Operations please", "sarah.lin2@contoso.com"),
        ("Lindqvist", "sarah.lindqvist@contoso.com"),
    ] {
        let mut twin = Twin::new();
        twin.says("sign Sarah out everywhere").await;
        assert_eq!(twin.says(answer).await, format!("sign out {upn}"), "{answer}");
    }
}

#[tokio::test]
async fn an_answer_keeps_the_message_that_asked_as_the_request() {
    let mut twin = Twin::new();
    twin.says("sign Sarah out everywhere").await;
    let Ok(Understood::Propose(proposal)) = twin.hear("2").await else { panic!() };
    assert_eq!(proposal.heard.text, "sign Sarah out everywhere");
}

#[tokio::test]
async fn an_unclear_answer_is_handed_to_a_human_and_not_asked_again() {
    let mut twin = Twin::new();
    twin.says("give Sarah a Visio licence").await;
    assert_eq!(
        twin.says("the tall one").await,
        "HAND OVER Doug Price wrote:\ngive Sarah a Visio licence\nthe tall one"
    );
    let mut twin = Twin::new();
    twin.says("give Sarah a Visio licence").await;
    let again = twin.says("give Sarah a Visio licence").await;
    assert!(again.starts_with("HAND OVER"), "{again}");
    // Afterwards a number answers nothing.
    let number = twin.says("2").await;
    assert!(number.contains("I can't do that"), "{number}");
}

#[tokio::test]
async fn a_new_request_a_cancel_or_help_is_heard_while_a_question_is_open() {
    let mut twin = Twin::new();
    twin.says("give Sarah a Visio licence").await;
    assert_eq!(twin.says("sign Bob out").await, "sign out bob.hale@contoso.com");
    twin.says("give Sarah a Visio licence").await;
    assert_eq!(twin.says("never mind").await, "CANCEL");
    let gone = twin.says("1").await;
    assert!(gone.contains("I can't do that"), "{gone}");
    twin.says("give Sarah a Visio licence").await;
    assert!(twin.says("help").await.contains("wait for your yes"));
    assert_eq!(twin.says("1").await, "assign sarah.lin@contoso.com VISIOCLIENT");
    twin.says("give Sarah a Visio licence").await;
    assert!(twin.says("can I talk to a human").await.starts_with("HAND OVER"));
}

#[tokio::test]
async fn somebody_elses_answer_answers_nothing() {
    let mut twin = Twin::new();
    twin.says("sign Sarah out everywhere").await;
    let other = twin.message(4, "19:doug@unq.gbl.spaces", "2");
    let understood = twin.understanding.understand(&other, twin.now, &SeededEntropy::new(1)).await;
    assert!(matches!(understood, Ok(Understood::Say(_))), "{understood:?}");
    assert_eq!(twin.says("2").await, "sign out sarah.lin2@contoso.com");
}

#[tokio::test]
async fn two_unclear_names_are_asked_about_one_after_the_other() {
    let mut twin = Twin::new();
    let first = twin.says("give Sarah an E3").await;
    assert!(first.starts_with("Which “E3”"), "{first}");
    let second = twin.says("the office one").await;
    assert!(second.starts_with("Which “Sarah”"), "{second}");
    assert_eq!(twin.says("1").await, "assign sarah.lin@contoso.com ENTERPRISEPACK");
}

#[tokio::test]
async fn e3_is_asked_about_only_where_the_company_owns_two() {
    let mut twin = Twin::new();
    assert_eq!(
        twin.says("give Bob an E3").await,
        "Which “E3” do you mean?\n\
         1. Microsoft 365 E3 (SPE_E3), 4 of 25 free\n\
         2. Office 365 E3 (ENTERPRISEPACK), 4 of 25 free\n\
         Answer with the number, or with a word that only one of them has."
    );
    assert_eq!(twin.says("Microsoft 365 E3").await, "assign bob.hale@contoso.com SPE_E3");
    let company = Company::new().without("ENTERPRISEPACK");
    let mut twin = Twin::of(company, Arc::new(Builtin::default()), settings());
    assert_eq!(twin.says("give Bob an E3").await, "assign bob.hale@contoso.com SPE_E3");
}

#[tokio::test]
async fn what_is_not_there_is_said_plainly() {
    let mut twin = Twin::new();
    assert_eq!(
        twin.says("give Zoe a Visio licence").await,
        "I found nobody called “Zoe”. Could you give me the user principal name? It looks like a \
         mail address."
    );
    assert_eq!(
        twin.says("sign out sarah.lin3@contoso.com").await,
        "I found nobody called “sarah.lin3@contoso.com”. Please check the address, or give me the \
         full name."
    );
    assert!(twin.says("sign out tom.re@contoso.com").await.starts_with("I found nobody"));
    assert!(twin.says("put Bob in Chess").await.starts_with("I found no group called “Chess”."));
    assert_eq!(
        twin.says("give Bob an E5").await,
        "Your company owns no licence called “E5”.\nIt owns: Microsoft 365 E3, Office 365 E3, \
         Microsoft 365 F3, Visio Plan 2, Microsoft Teams Enterprise"
    );
    assert_eq!(
        twin.says("give Doug's manager a Visio licence").await,
        "The directory names no manager for Doug Price (doug@contoso.com)."
    );
    assert_eq!(
        twin.says("sign her out").await,
        "I'm not sure who you mean by “her”. Please give me a name."
    );
}

#[tokio::test]
async fn a_full_name_beats_longer_ones_unless_a_guest_bears_it() {
    let mut twin = Twin::new();
    assert_eq!(twin.says("sign out Tom Reed").await, "sign out tom.reed@contoso.com");
    let max = twin.says("sign out Max Roth").await;
    assert!(max.starts_with("Which “Max Roth”"), "{max}");
    assert!(max.contains("#EXT#@contoso.onmicrosoft.com), no department, guest"), "{max}");
    assert_eq!(
        twin.says("the guest").await,
        "sign out max_fabrikam.com#EXT#@contoso.onmicrosoft.com"
    );
    assert!(twin.says("sign out Tom").await.starts_with("Which “Tom”"));
}

#[tokio::test]
async fn a_department_tells_namesakes_apart() {
    let mut twin = Twin::new();
    assert_eq!(
        twin.says("give Sarah from Finance a Visio licence").await,
        "assign sarah.lin@contoso.com VISIOCLIENT"
    );
    let wrong = twin.says("give Bob from Research a Visio licence").await;
    assert!(wrong.contains("This one?\n1. Bob Hale"), "{wrong}");
    assert_eq!(twin.says("yes").await, "assign bob.hale@contoso.com VISIOCLIENT");
}

#[tokio::test]
async fn groups_are_found_by_exact_name_first_and_namesakes_are_asked_about() {
    let mut twin = Twin::new();
    assert_eq!(twin.says("put Bob in Finance").await, "add bob.hale@contoso.com Finance");
    assert_eq!(
        twin.says("take Bob out of the sales group").await,
        "remove bob.hale@contoso.com sales@contoso.com"
    );
    assert_eq!(twin.says("put Bob in IT").await, "add bob.hale@contoso.com IT");
    assert_eq!(
        twin.says("add Bob to \"Sales and Marketing\"").await,
        "add bob.hale@contoso.com Sales and Marketing"
    );
    assert_eq!(
        twin.says("add Bob to Marketing").await,
        "Which “Marketing” do you mean?\n\
         1. Marketing, Microsoft 365 group, marketing@contoso.com\n\
         2. Marketing, mail-enabled group, mkt-list@contoso.com\n\
         Answer with the number, or with a word that only one of them has."
    );
    assert_eq!(
        twin.says("the mail-enabled one").await,
        "add bob.hale@contoso.com mkt-list@contoso.com"
    );
}

#[tokio::test]
async fn follow_ups_keep_who_and_what_was_settled() {
    let mut twin = Twin::new();
    twin.says("give Sarah an E3").await;
    twin.says("1").await;
    assert_eq!(twin.says("the one in Finance").await, "assign sarah.lin@contoso.com SPE_E3");
    assert_eq!(twin.says("and her manager too").await, "assign doug@contoso.com SPE_E3");
    assert_eq!(twin.says("same for Bob").await, "assign bob.hale@contoso.com SPE_E3");
    assert_eq!(twin.says("also add him to Finance").await, "add bob.hale@contoso.com Finance");
    assert_eq!(twin.says("and to Sales").await, "add bob.hale@contoso.com sales@contoso.com");
    assert_eq!(twin.says("undo that").await, "UNDO");
    assert_eq!(twin.says("who is Ann").await, "find ann.berg@contoso.com");
    assert_eq!(twin.says("give her the same licence").await, "assign ann.berg@contoso.com SPE_E3");
    assert_eq!(
        twin.says("and a Visio licence too").await,
        "assign ann.berg@contoso.com VISIOCLIENT"
    );
    // Said anew, a name that means several is asked about anew.
    assert!(twin.says("sign Sarah out").await.starts_with("Which “Sarah”"));
}

#[tokio::test]
async fn him_as_well_is_somebody_else_than_the_one_just_served() {
    let mut twin = Twin::new();
    twin.says("who is Bob").await;
    assert_eq!(
        twin.says("give Ann a Visio licence").await,
        "assign ann.berg@contoso.com VISIOCLIENT"
    );
    assert_eq!(twin.says("him as well").await, "assign bob.hale@contoso.com VISIOCLIENT");
}

#[tokio::test]
async fn a_pronoun_after_two_people_is_asked_about() {
    let mut twin = Twin::new();
    twin.says("who is Ann and who is Bob").await;
    assert_eq!(
        twin.says("sign her out").await,
        "Which “her” do you mean?\n\
         1. Ann Berg (ann.berg@contoso.com)\n\
         2. Bob Hale (bob.hale@contoso.com)\n\
         Answer with the number, or with a word that only one of them has."
    );
    assert_eq!(twin.says("Ann").await, "sign out ann.berg@contoso.com");
    twin.says("who is Ann and who is Bob").await;
    assert_eq!(
        twin.says("sign them out").await,
        "sign out ann.berg@contoso.com; sign out bob.hale@contoso.com"
    );
}

#[tokio::test]
async fn me_is_whoever_asks() {
    let mut twin = Twin::new();
    assert_eq!(twin.says("I need a Visio licence").await, "assign doug@contoso.com VISIOCLIENT");
    assert_eq!(twin.says("sign me out everywhere").await, "sign out doug@contoso.com");
}

#[tokio::test]
async fn names_that_hide_something_are_shown_escaped() {
    let mut twin = Twin::new();
    let question = twin.says("sign out Eve").await;
    assert!(
        question.contains("1. Eve\\u{202e}nnA <b> (eve@contoso.com), Sales\\u{a}Yes\n2. Eve Moor"),
        "{question}"
    );
}

#[tokio::test]
async fn what_the_twin_does_not_do_is_declined_with_an_offer_that_can_be_taken() {
    let mut twin = Twin::new();
    let declined = "I can't do that: “order Bob a laptop”. Say “help” to see what I do.\nShall I pass \
                    it to Dana Kent (dana@contoso.com)? Say “hand over” and I will.";
    for answer in ["yes please", "hand over", "Sure", "OK, do it"] {
        assert_eq!(twin.says("order Bob a laptop").await, declined);
        let handed = twin.says(answer).await;
        assert!(handed.starts_with("HAND OVER") && handed.contains("order Bob"), "{handed}");
    }
    assert_eq!(twin.says("order Bob a laptop").await, declined);
    assert_eq!(twin.says("no thanks").await, "All right. Is there anything else?");
    // The offer is gone: a yes now answers nothing.
    assert!(twin.says("yes").await.starts_with("Nothing is waiting for a yes"));
    assert_eq!(twin.says("order Bob a laptop").await, declined);
    assert_eq!(twin.says("sign Bob out").await, "sign out bob.hale@contoso.com");
    assert!(twin.says("yes").await.starts_with("Nothing is waiting for a yes"));
}

#[tokio::test]
async fn help_and_requests_keep_to_the_tools_the_twin_was_deployed_with() {
    let mut settings = settings();
    settings.tools = vec![Tool::UserFind, Tool::LicenseAssign];
    let mut twin = Twin::of(Company::new(), Arc::new(Builtin::default()), settings);
    let help = twin.says("help").await;
    assert!(help.contains("Give a licence") && !help.contains("Sign somebody out"), "{help}");
    let declined = twin.says("sign Bob out").await;
    assert!(declined.starts_with("I was not set up to sign people out here."), "{declined}");
}

#[tokio::test]
async fn a_conversation_is_forgotten_after_the_retention_time_and_not_before() {
    let mut settings = settings();
    settings.retention = Duration::from_secs(600);
    let mut twin = Twin::of(Company::new(), Arc::new(Builtin::default()), settings);
    twin.says("sign Sarah out").await;
    twin.now += Duration::from_secs(600);
    assert_eq!(twin.says("2").await, "sign out sarah.lin2@contoso.com");
    twin.now += Duration::from_secs(601);
    assert!(twin.says("give her a Visio licence").await.starts_with("I'm not sure who"));
    twin.says("sign Sarah out").await;
    twin.now += Duration::from_secs(601);
    let late = twin.says("2").await;
    assert!(late.contains("I can't do that"), "{late}");
}

#[tokio::test]
async fn a_chat_can_be_forgotten_at_once() {
    let mut twin = Twin::new();
    twin.says("sign Bob out").await;
    twin.understanding.forget(&ChatId::parse("19:other@unq.gbl.spaces").unwrap());
    assert_eq!(twin.says("who is he").await, "find bob.hale@contoso.com");
    twin.understanding.forget(&ChatId::parse("19:doug@unq.gbl.spaces").unwrap());
    assert!(twin.says("who is he").await.starts_with("I'm not sure who"));
}

#[tokio::test]
async fn the_conversation_that_rested_longest_makes_room_for_a_new_one() {
    let mut settings = settings();
    settings.conversations = 1;
    let mut twin = Twin::of(Company::new(), Arc::new(Builtin::default()), settings);
    twin.says("who is Bob").await;
    twin.now += Duration::from_secs(1);
    let other = twin.message(4, "19:ann@unq.gbl.spaces", "hi");
    twin.understanding.understand(&other, twin.now, &SeededEntropy::new(1)).await.unwrap();
    assert!(twin.says("sign him out").await.starts_with("I'm not sure who"));
}

#[tokio::test]
async fn when_the_directory_is_down_nothing_is_lost_and_the_answer_can_be_given_again() {
    let mut twin = Twin::new();
    twin.says("give Sarah an E3").await;
    twin.company.down.store(true, Ordering::Relaxed);
    let failed = twin.hear("1").await;
    assert!(matches!(failed, Err(UnderstandError::Lookup(_))), "{failed:?}");
    twin.company.down.store(false, Ordering::Relaxed);
    assert!(twin.says("1").await.starts_with("Which “Sarah”"));
}

#[tokio::test]
async fn very_long_messages_and_very_many_requests_are_turned_away() {
    let mut twin = Twin::new();
    assert!(
        twin.says(&"give Bob a Visio licence ".repeat(200)).await.starts_with("That is a long")
    );
    let many = "sign out Ann, Bob, Tom Reed, Doug and tom.jr@contoso.com, sign out Ann, Bob, \
                Tom Reed, Doug, eve@contoso.com and Eve Moor";
    assert!(twin.says(many).await.contains("at most 10 things"));
}

/// A brain that says what it was told to, and writes down what it saw.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    turns: Mutex<VecDeque<Turn>>,
    pub(crate) seen: Mutex<Vec<(bool, String)>>,
    silent: bool,
}

#[async_trait]
impl Brain for Scripted {
    async fn turn(&self, talk: &Talk) -> Result<Turn, BrainError> {
        if self.silent {
            std::future::pending::<()>().await;
        }
        self.seen.lock().unwrap().clone_from(&talk.lines);
        let cause = std::io::Error::other("no more turns");
        let turn = self.turns.lock().unwrap().pop_front();
        turn.ok_or_else(|| BrainError { brain: "scripted", cause: Box::new(cause) })
    }
}

pub(crate) fn scripted(turns: Vec<Turn>) -> (Twin, Arc<Scripted>) {
    let brain = Arc::new(Scripted { turns: Mutex::new(turns.into()), ..Scripted::default() });
    (Twin::of(Company::new(), brain.clone(), settings()), brain)
}

fn calls(calls: Vec<Call>) -> Turn {
    Turn::Calls { calls, mode: Mode::Ask }
}

fn named(name: &str) -> Who {
    Who::Named(name.to_owned())
}

#[tokio::test]
async fn any_brain_may_leave_pronouns_to_the_memory() {
    let visio = || Which::Named("Visio".to_owned());
    let (mut twin, _) = scripted(vec![
        calls(vec![Call::LicenseAssign { person: named("Ann Berg"), licence: visio() }]),
        calls(vec![Call::LicenseAssign {
            person: Who::ManagerOf(Box::new(named("her"))),
            licence: Which::Named("the same".to_owned()),
        }]),
        calls(vec![
            Call::SessionRevoke { person: named("Bob Hale") },
            Call::GroupMemberAdd { person: named("him"), group: Which::Named("Sales".to_owned()) },
        ]),
    ]);
    assert_eq!(twin.says("Ann Berg, Visio").await, "assign ann.berg@contoso.com VISIOCLIENT");
    assert_eq!(twin.says("her boss as well").await, "assign doug@contoso.com VISIOCLIENT");
    assert_eq!(
        twin.says("Bob Hale out, then into Sales").await,
        "sign out bob.hale@contoso.com; add bob.hale@contoso.com sales@contoso.com"
    );
}

#[tokio::test]
async fn a_brain_that_makes_up_ids_or_crowds_gets_nowhere() {
    let group = Which::Known(GroupId::new(Uuid::from_u128(101)));
    let licence = Which::Known(SkuId::new(Uuid::from_u128(999)));
    let (mut twin, _) = scripted(vec![
        calls(vec![Call::SessionRevoke { person: Who::Known(user(5)) }]),
        calls(vec![Call::GroupMemberAdd { person: Who::Me, group }]),
        calls(vec![Call::LicenseAssign { person: Who::Me, licence }]),
        calls(vec![Call::SessionRevoke { person: named("everyone") }]),
        calls(vec![Call::SessionRevoke { person: named("") }]),
        calls(vec![]),
        calls(vec![Call::SessionRevoke { person: named(&"x".repeat(5000)) }]),
    ]);
    for _ in 0..7 {
        let understood = twin.hear("hello").await.unwrap();
        assert!(matches!(understood, Understood::Say(_)), "{understood:?}");
    }
}

#[tokio::test]
async fn a_brains_talk_is_cut_and_shows_what_it_hides() {
    let words = Words::plain("a\u{202E}b".to_owned() + &"x".repeat(9000));
    let (mut twin, _) = scripted(vec![Turn::Say((0..50).fold(words, |w, _| w.line("more")))]);
    let said = twin.says("hello").await;
    assert!(said.starts_with("a\\u{202e}b") && said.len() < 1200, "{}", said.len());
}

#[tokio::test]
async fn a_brain_sees_both_sides_of_the_talk_and_a_bounded_part_of_it() {
    let turns = (0..40).map(|_| Turn::Say(Words::plain("Fine."))).collect();
    let (mut twin, brain) = scripted(turns);
    twin.says("one").await;
    let heard = twin.message(DOUG, "19:doug@unq.gbl.spaces", "one");
    twin.understanding.said(&heard, &Words::plain("Done."), twin.now);
    twin.says("two").await;
    let line = |from_twin, text: &str| (from_twin, text.to_owned());
    assert_eq!(
        *brain.seen.lock().unwrap(),
        [line(false, "one"), line(true, "Fine."), line(true, "Done."), line(false, "two")]
    );
    for _ in 0..30 {
        twin.says("more").await;
    }
    assert_eq!(brain.seen.lock().unwrap().len(), 16);
}

#[tokio::test(start_paused = true)]
async fn a_brain_that_fails_or_never_answers_is_an_error_that_leaves_the_memory_as_it_was() {
    let (mut twin, brain) = scripted(vec![]);
    let failed = twin.hear("hello").await;
    assert!(matches!(failed, Err(UnderstandError::Brain(_))), "{failed:?}");
    brain.turns.lock().unwrap().push_back(Turn::Help);
    twin.says("again").await;
    assert_eq!(*brain.seen.lock().unwrap(), [(false, "again".to_owned())]);
    let silent = Arc::new(Scripted { silent: true, ..Scripted::default() });
    let mut twin = Twin::of(Company::new(), silent, settings());
    let late = twin.hear("hello").await;
    assert!(matches!(late, Err(UnderstandError::Late(_))), "{late:?}");
}
