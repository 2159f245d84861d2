//! What a person sees while signing in. Works without scripts, in light and dark.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::authorize::Final;
use super::params::Params;
use super::refusal::Refusal;
use crate::tenant::{User, permission};
use crate::world::World;

/// The page where a person says who they are.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub(super) app: &'a str,
    /// Where the choice goes.
    pub(super) action: &'a str,
    /// Where a search goes.
    pub(super) search: &'a str,
    /// Comes along in both forms.
    pub(super) carried: &'a Params,
    pub(super) find: &'a str,
    /// `login_hint`: this person comes first.
    pub(super) hint: Option<&'a str>,
}

/// The page where a person agrees to what an app may do.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) app: &'a str,
    pub(super) person: &'a User,
    pub(super) scopes: &'a [String],
    pub(super) action: &'a str,
    pub(super) carried: &'a Params,
    /// May agree for the whole organisation.
    pub(super) for_everybody: bool,
    /// Signs in another device than this one.
    pub(super) on_device: bool,
}

pub(super) fn people(world: &World, choice: &Choice<'_>) -> String {
    let wanted = choice.find.trim().to_lowercase();
    let found = |user: &&User| {
        let department = user.department.as_deref().unwrap_or_default();
        wanted.is_empty()
            || [&user.display_name, &user.upn, department]
                .iter()
                .any(|text| text.to_lowercase().contains(&wanted))
    };
    let hinted = choice.hint.and_then(|hint| world.tenant.people.find(hint));
    let others = world
        .tenant
        .people
        .iter()
        .filter(found)
        .filter(|user| hinted.is_none_or(|hinted| hinted.id != user.id));
    let listed: Vec<&User> = hinted.filter(found).into_iter().chain(others).take(LISTED).collect();
    frame(
        "Pick an account",
        &html! {
            h1 { "Pick an account" }
            p { "to continue to " strong { (choice.app) } }
            form method="get" action=(choice.search) role="search" {
                (hidden(choice.carried))
                input type="search" name="find" value=(choice.find) aria-label="Find a person"
                    placeholder="Find a person" autocomplete="off";
                button.quiet { "Find" }
            }
            @if listed.is_empty() { p { "Nobody here is called that." } }
            form method="post" action=(choice.action) {
                (hidden_in_body(choice))
                input type="password" name="passwd" aria-label="Password or access pass"
                    placeholder="Password or access pass (not needed here)" autocomplete="off";
                ul.people {
                    @for user in listed {
                        li { button.person name="as" value=(user.id) {
                            span.face aria-hidden="true" { (initials(user)) }
                            span {
                                strong { (user.display_name) }
                                small {
                                    (user.upn)
                                    @if let Some(department) = &user.department {
                                        " · " (department)
                                    }
                                }
                                @if !user.enabled { small { "Account disabled" } }
                            }
                        } }
                    }
                }
            }
        },
    )
}

pub(super) fn consent(question: &Question<'_>) -> String {
    frame(
        "Permissions requested",
        &html! {
            p { (question.person.upn) }
            @if question.on_device {
                h1 { "Are you trying to sign in to " (question.app) "?" }
                p { "Only continue if you started this on your own device." }
            } @else {
                h1 { "Permissions requested" }
                p { strong { (question.app) } " would like to:" }
            }
            ul.scopes {
                @for scope in question.scopes {
                    li {
                        (permission(scope).map_or("Something this sandbox has no words for", |p| p.meaning))
                        small { code { (scope) } }
                    }
                }
            }
            form method="post" action=(question.action) {
                (hidden(question.carried))
                @if question.for_everybody {
                    label { input type="checkbox" name="everybody" value="1";
                        " Consent on behalf of your organisation" }
                }
                div.buttons {
                    button.quiet name="answer" value="decline" { "Cancel" }
                    button name="answer" value="accept" {
                        @if question.on_device { "Continue" } @else { "Accept" }
                    }
                }
            }
        },
    )
}

pub(super) fn device_code(error: Option<&Refusal>) -> String {
    frame(
        "Enter code",
        &html! {
            h1 { "Enter code" }
            p { "Enter the code displayed on your app or device." }
            @if let Some(error) = error {
                p.error role="alert" { (error) }
            }
            form method="post" action="/devicelogin" {
                input name="user_code" aria-label="Code" placeholder="Code" autocomplete="off"
                    autocapitalize="characters" maxlength="32" required autofocus;
                div.buttons { button { "Next" } }
            }
        },
    )
}

pub(super) fn message(title: &str, text: &str) -> String {
    frame(title, &html! { h1 { (title) } p { (text) } })
}

pub(super) fn refused(refusal: &Refusal) -> String {
    frame("Sorry", &refusal_markup(refusal))
}

/// For refusals the app should learn of as well.
pub(super) fn refused_with_way_back(refusal: &Refusal, back: &Final) -> String {
    frame(
        "Sorry",
        &html! {
            (refusal_markup(refusal))
            @match back {
                Final::Redirect(url) => { p { a href=(url) { "Return to the application" } } }
                Final::Form { url, fields } => {
                    form method="post" action=(url) {
                        @for (name, value) in fields {
                            input type="hidden" name=(name) value=(value);
                        }
                        button.quiet { "Return to the application" }
                    }
                }
            }
        },
    )
}

/// `response_mode=form_post`: sends itself, or waits for a click where scripts are off.
pub(super) fn form_post(url: &str, fields: &[(String, String)]) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Working..." } }
            body {
                form name="hiddenform" method="post" action=(url) {
                    @for (name, value) in fields {
                        input type="hidden" name=(name) value=(value);
                    }
                    noscript {
                        p { "Script is disabled. Click Submit to continue." }
                        input type="submit" value="Submit";
                    }
                }
                script { (PreEscaped("document.forms[0].submit();")) }
            }
        }
    }
    .into_string()
}

fn refusal_markup(refusal: &Refusal) -> Markup {
    html! {
        h1 { "Sorry, but we’re having trouble signing you in." }
        p.error role="alert" { (refusal) }
    }
}

fn hidden(fields: &Params) -> Markup {
    html! { @for (name, value) in fields.iter() { input type="hidden" name=(name) value=(value); } }
}

/// The address of the choice form already carries everything when it has a query.
fn hidden_in_body(choice: &Choice<'_>) -> Markup {
    if choice.action.contains('?') { Markup::default() } else { hidden(choice.carried) }
}

fn initials(user: &User) -> String {
    user.display_name
        .split_whitespace()
        .filter_map(|word| word.chars().next())
        .take_while(|letter| *letter != '(')
        .filter(|letter| letter.is_alphanumeric())
        .take(2)
        .collect()
}

fn frame(title: &str, content: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (content) }
                footer { "Sandbox tenant. Nothing here reaches a real directory." }
            }
        }
    }
    .into_string()
}

const LISTED: usize = 8;

const STYLE: &str = "
:root { --ink: #1b1b1f; --soft: #5c5f66; --page: #eef0f4; --card: #fff; --line: #d5d8de; --edge: #868a93;
  --accent: #0f5ec7; --on-accent: #fff; --wrong: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf1; --soft: #a3a6ae; --page: #17181b;
  --card: #222428; --line: #3a3d44; --edge: #7d818a; --accent: #6ea8fe; --on-accent: #10203a; --wrong: #ff8a80; } }
* { box-sizing: border-box }
body { margin: 0; padding: 1.5rem 0; min-height: 100vh; display: grid; place-content: center; gap: 1rem;
  background: var(--page); color: var(--ink); font: 1rem/1.45 system-ui, sans-serif }
main { width: min(27rem, 94vw); padding: 2rem; background: var(--card); border-radius: 12px;
  border: 1px solid var(--line) }
h1 { font-size: 1.4rem; margin: 0 0 .5rem }
p { margin: .25rem 0 1rem }
footer, small { color: var(--soft); font-size: .85rem }
footer { text-align: center }
small { display: block }
strong, small { unicode-bidi: isolate }
::placeholder { color: var(--soft); opacity: 1 }
form { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0 }
input:not([type=checkbox]) { flex: 1; min-width: 0; padding: .6rem .75rem; font: inherit;
  color: inherit; background: transparent; border: 1px solid var(--edge); border-radius: 8px }
button { padding: .6rem 1.2rem; font: inherit; font-weight: 600; border: 0; border-radius: 8px;
  background: var(--accent); color: var(--on-accent); cursor: pointer }
button.quiet { background: transparent; color: var(--ink); border: 1px solid var(--line) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
ul { list-style: none; margin: 1rem 0 0; padding: 0; width: 100% }
ul.scopes { margin: 0 0 1.25rem }
ul.scopes li { padding: .5rem 0; border-bottom: 1px solid var(--line) }
button.person { display: flex; gap: .75rem; align-items: center; width: 100%; text-align: start;
  font-weight: 400; background: transparent; color: inherit; padding: .5rem }
button.person:hover { background: var(--page) }
.face { flex: none; width: 2.4rem; height: 2.4rem; border-radius: 50%; display: grid;
  place-content: center; background: var(--accent); color: var(--on-accent); font-weight: 600 }
.person span { min-width: 0; overflow-wrap: anywhere }
label { width: 100% }
.buttons { display: flex; gap: .5rem; justify-content: flex-end; width: 100%; margin-top: .5rem }
.error { color: var(--wrong) }
a { color: var(--accent) }
";
