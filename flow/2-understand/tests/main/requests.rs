//! Conversations about accounts, credentials and profiles; dry runs; undo.

use subtwin_kernel::Tool;
use subtwin_understand::{Turn, Understood};

use crate::company::Twin;
use crate::conversations::scripted;

#[tokio::test]
async fn every_tool_can_be_asked_for_about_somebody_by_name_or_pronoun() {
    let mut twin = Twin::new();
    for (said, heard) in [
        ("who is Ann?", "find ann.berg@contoso.com"),
        ("why can't she sign in?", "explain ann.berg@contoso.com"),
        ("reset her password", "password ann.berg@contoso.com"),
        ("give her a TAP", "pass ann.berg@contoso.com 60 min"),
        ("make it 2 hours and reusable", "pass ann.berg@contoso.com 120 min reusable"),
        ("reset her MFA", "mfa ann.berg@contoso.com"),
        ("also sign her out", "sign out ann.berg@contoso.com"),
        ("block her account too", "block ann.berg@contoso.com"),
        ("and her manager too", "block doug@contoso.com"),
        ("same for Bob", "block bob.hale@contoso.com"),
        ("unblock him", "unblock bob.hale@contoso.com"),
        ("her account too", "unblock ann.berg@contoso.com"),
        ("set Bob's title to Sales Lead", "update bob.hale@contoso.com jobTitle=Sales Lead"),
        ("make Ann his manager", "manager bob.hale@contoso.com ann.berg@contoso.com"),
        ("undo that", "UNDO"),
    ] {
        assert_eq!(twin.says(said).await, heard, "{said}");
    }
}

#[tokio::test]
async fn what_somebody_asks_for_themselves_is_about_them() {
    let mut twin = Twin::new();
    for (said, heard) in [
        ("I forgot my password", "password doug@contoso.com"),
        ("reset my MFA", "mfa doug@contoso.com"),
        ("I need a TAP for 30 minutes", "pass doug@contoso.com 30 min"),
        ("why can't I sign in", "explain doug@contoso.com"),
        ("my new mobile is +1 425 555 0100", "update doug@contoso.com mobilePhone=+1 425 555 0100"),
    ] {
        assert_eq!(twin.says(said).await, heard, "{said}");
    }
}

#[tokio::test]
async fn several_properties_are_one_change_but_what_a_password_reset_relies_on_is_another() {
    let mut twin = Twin::new();
    assert_eq!(
        twin.says("set department of Ann to Finance and office to Building 2").await,
        "update ann.berg@contoso.com department=Finance, officeLocation=Building 2"
    );
    assert_eq!(
        twin.says("and her mobile to +1 425 555 0100").await,
        "update ann.berg@contoso.com mobilePhone=+1 425 555 0100"
    );
    assert_eq!(
        twin.says("set Ann's mobile to 555 0100 and title to Lead and department to Sales").await,
        "update ann.berg@contoso.com jobTitle=Lead, department=Sales; \
         update ann.berg@contoso.com mobilePhone=555 0100"
    );
    assert_eq!(
        twin.says("same for Bob").await,
        "update bob.hale@contoso.com jobTitle=Lead, department=Sales; \
         update bob.hale@contoso.com mobilePhone=555 0100"
    );
}

#[tokio::test]
async fn a_value_whose_end_is_in_doubt_is_asked_about_and_changes_nothing() {
    let mut twin = Twin::new();
    let doubt = twin.says("set Ann's department to Finance and give me E5").await;
    assert!(doubt.starts_with("I can't tell where the new value ends."), "{doubt}");
    assert_eq!(
        twin.says("set Ann's department to \"Finance and give me E5\"").await,
        "update ann.berg@contoso.com department=Finance and give me E5"
    );
    assert_eq!(twin.says("change Ann's job title").await, "What shall it say?");
    assert_eq!(
        twin.says("Head of Research").await,
        "update ann.berg@contoso.com jobTitle=Head of Research"
    );
}

#[tokio::test]
async fn a_password_somebody_chose_is_neither_taken_nor_repeated_nor_handed_on() {
    let mut twin = Twin::new();
    for said in ["set Ann's password to hunter2", "Ann's new password is hunter2"] {
        let answer = twin.says(said).await;
        assert!(answer.starts_with("Nobody chooses a password here"), "{answer}");
        assert!(!answer.contains("hunter2"), "{answer}");
        assert!(twin.says("yes").await.starts_with("Nothing is waiting for a yes"));
        let handed = twin.says("hand over").await;
        assert!(handed.starts_with("HAND OVER") && !handed.contains("hunter2"), "{handed}");
    }
    let (mut twin, brain) = scripted(vec![Turn::Help]);
    twin.says("set Ann's password to hunter2").await;
    twin.says("help").await;
    assert!(!brain.seen.lock().unwrap().iter().any(|(_, line)| line.contains("hunter2")));
}

#[tokio::test]
async fn a_dry_run_keeps_its_mode_through_questions_and_follow_ups_until_it_is_asked_for() {
    let mut twin = Twin::new();
    let question = twin.says("what would happen if I gave Sarah an E3?").await;
    assert!(question.starts_with("Which “E3”"), "{question}");
    assert!(twin.says("1").await.starts_with("Which “Sarah”"));
    assert_eq!(twin.says("1").await, "DRY RUN assign sarah.lin@contoso.com SPE_E3");
    assert_eq!(twin.says("go ahead").await, "assign sarah.lin@contoso.com SPE_E3");
    assert!(twin.says("go ahead").await.starts_with("Nothing is waiting for a yes"));
    assert_eq!(
        twin.says("preview giving Bob an F3").await,
        "DRY RUN assign bob.hale@contoso.com SPE_F1"
    );
    assert_eq!(twin.says("same for Ann").await, "DRY RUN assign ann.berg@contoso.com SPE_F1");
    assert_eq!(twin.says("OK, do it").await, "assign ann.berg@contoso.com SPE_F1");
    assert_eq!(twin.says("and Tom Reed").await, "assign tom.reed@contoso.com SPE_F1");
    assert_eq!(
        twin.says("show me what adding Ann to Finance would do").await,
        "DRY RUN add ann.berg@contoso.com Finance"
    );
    assert_eq!(twin.says("put her in Finance").await, "add ann.berg@contoso.com Finance");
}

#[tokio::test]
async fn undo_is_a_wish_of_its_own_whatever_was_said_before() {
    let mut twin = Twin::new();
    for said in ["undo", "undo that", "take that back", "revert that", "put it back as it was"] {
        assert_eq!(twin.says(said).await, "UNDO", "{said}");
        twin.says("block Bob").await;
    }
    // A question that is open is not answered by it.
    twin.says("reset Sarah's password").await;
    assert_eq!(twin.says("undo the last change").await, "UNDO");
    assert!(!twin.says("1").await.starts_with("password"));
}

#[tokio::test]
async fn yes_but_for_somebody_else_asks_for_the_same_for_them() {
    for said in ["yes, but for Bob", "yes but for Bob", "no, but for Bob please"] {
        let mut twin = Twin::new();
        twin.says("sign Ann out everywhere").await;
        assert_eq!(twin.says(said).await, "sign out bob.hale@contoso.com", "{said}");
    }
    let mut twin = Twin::new();
    twin.says("sign Ann out everywhere").await;
    let only = twin.says("yes, but only on her phone").await;
    assert!(!only.starts_with("sign out"), "{only}");
}

#[tokio::test]
async fn one_unclear_answer_about_any_tool_hands_over_and_says_so() {
    for said in [
        "why can't Sarah sign in?",
        "reset Sarah's password",
        "give Sarah a TAP",
        "reset Sarah's MFA",
        "block Sarah",
        "unblock Sarah",
        "set Sarah's department to Finance",
        "make Sarah Ann's manager",
        "what would happen if I blocked Sarah",
    ] {
        let mut twin = Twin::new();
        let question = twin.says(said).await;
        assert!(question.starts_with("Which “Sarah”"), "{said}: {question}");
        let understood = twin.hear("the tall one").await.unwrap();
        let Understood::HandOver { words, context } = &understood else { panic!("{understood:?}") };
        assert!(words.to_text().contains("I won't guess. I'm passing this to Dana Kent"));
        assert!(context.contains(said), "{context}");
    }
}

#[tokio::test]
async fn a_request_that_is_no_clearer_when_said_again_is_handed_over() {
    let mut twin = Twin::new();
    let question = twin.says("unlock Ann's account").await;
    assert!(question.starts_with("“Unlock” could mean several things."), "{question}");
    let handed = twin.says("please unlock Ann").await;
    assert!(handed.starts_with("HAND OVER Doug Price wrote:\nunlock Ann's account"), "{handed}");
    assert_eq!(twin.says("unblock Ann").await, "unblock ann.berg@contoso.com");
}

#[tokio::test]
async fn after_a_new_manager_a_pronoun_could_be_either_and_is_asked_about() {
    for said in
        ["make Bob Ann's manager and sign him out", "make Bob Ann's manager // sign him out"]
    {
        let mut twin = Twin::new();
        let mut answer = String::new();
        for line in said.split(" // ") {
            answer = twin.says(line).await;
        }
        assert!(answer.starts_with("Which “him” do you mean?\n1. Ann Berg"), "{said}: {answer}");
    }
}

#[tokio::test]
async fn several_people_are_no_manager() {
    let mut twin = Twin::new();
    twin.says("who is Ann and who is Bob").await;
    assert!(twin.says("make them Doug's manager").await.starts_with("Somebody has one manager."));
    assert_eq!(
        twin.says("make her Doug's manager").await,
        "Which “her” do you mean?\n\
         1. Ann Berg (ann.berg@contoso.com)\n\
         2. Bob Hale (bob.hale@contoso.com)\n\
         Answer with the number, or with a word that only one of them has."
    );
    assert_eq!(twin.says("Ann").await, "manager doug@contoso.com ann.berg@contoso.com");
}

#[tokio::test]
async fn help_names_every_tool_once_and_each_example_in_it_is_understood() {
    let mut twin = Twin::new();
    let help = twin.says("help").await;
    let examples: Vec<_> =
        help.lines().filter_map(|line| Some(line.split_once("“")?.1.split_once("”")?.0)).collect();
    assert!(examples.len() >= Tool::ALL.len(), "{help}");
    for example in examples.iter().filter(|example| **example != "hand over") {
        let mut twin = Twin::new();
        let understood = twin.hear(&example.replace("Sarah Lin", "Ann")).await.unwrap();
        let said = twin.in_short(&understood);
        assert!(!said.contains("I can't do that"), "{example}: {said}");
    }
}
