//! A plan and its progress, as people read them.

use std::fmt::Write as _;

use std::path::Path;

use subtwin_entra::onboard::{Change, FirstSignIn, How, OnboardStep, Plan, Remain, Told};
use subtwin_entra::{Mark, Steps};
use subtwin_kernel::Tool;

/// The whole plan.
pub(super) fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_plan(&mut text, plan);
    text.trim_end().to_owned()
}

fn write_plan(out: &mut String, plan: &Plan) -> std::fmt::Result {
    let user = &plan.user;
    writeln!(out, "In tenant {}:", plan.tenant)?;
    if !plan.looked {
        writeln!(out, "(from the configuration alone; with --sign-in also what is there already)")?;
    }
    writeln!(out, "\nAccount{}", mark(user.change))?;
    writeln!(out, "  {} ({})", user.user_principal_name, user.display_name)?;
    writeln!(out, "  an ordinary member, enabled; usage location {}", user.usage_location)?;
    if let Some(department) = &user.department {
        writeln!(out, "  department {department}")?;
    }
    if let Some(title) = &user.job_title {
        writeln!(out, "  job title {title}")?;
    }
    if let Some(id) = &user.id {
        writeln!(out, "  object id {id}")?;
    }
    writeln!(out, "\nLicence{}", mark(plan.licence.change))?;
    writeln!(out, "  {}", plan.licence.rule)?;
    if let Some(product) = &plan.licence.product {
        writeln!(out, "  now: {} ({}), {} free", product.name, product.part_number, product.free)?;
    }
    for app in &plan.apps {
        writeln!(out, "\nRegistration “{}”{}", app.display_name, mark(app.change))?;
        if let Some(id) = &app.app_id {
            writeln!(out, "  client id {id}")?;
        }
        writeln!(
            out,
            "  single tenant, public client, answers to {}, no secret, no certificate",
            app.redirect_uri
        )?;
        writeln!(
            out,
            "  enterprise application with assignment required; assigned: {} alone",
            user.user_principal_name
        )?;
        writeln!(
            out,
            "  consent for that account alone ({}) to exactly these delegated scopes{}:",
            app.consent_type,
            mark(app.consent_change)
        )?;
        for scope in &app.scopes {
            writeln!(out, "    {}{}", scope.name, tools(&scope.tools))?;
        }
        for scope in &app.adds {
            writeln!(out, "    + {scope}")?;
        }
        for scope in &app.removes {
            writeln!(out, "    - {scope}")?;
        }
    }
    writeln!(out, "\nDirectory roles of the account")?;
    for role in &plan.roles {
        writeln!(out, "  {}{}{}", role.name, tools(&role.tools), mark(role.change))?;
    }
    if plan.roles.is_empty() {
        writeln!(out, "  none")?;
    }
    for role in &plan.roles_removed {
        writeln!(out, "  - {role}, which is not needed any more")?;
    }
    let costs = plan.costs;
    writeln!(
        out,
        "\nWhat it costs\n  {} paid seat, {} directory objects",
        costs.seats, costs.directory_objects
    )?;
    writeln!(out, "\nWhat it will not do")?;
    for line in &plan.never {
        writeln!(out, "  {line}")?;
    }
    writeln!(out, "\nGood to know")?;
    for line in &plan.notes {
        writeln!(out, "  {line}")?;
    }
    writeln!(
        out,
        "\nWho can apply it\n  Global Administrator; or all of: {}",
        plan.administrator_roles.join(", ")
    )?;
    writeln!(out, "  by signing in with: {}", plan.writing.join(", "))?;
    writeln!(out, "  (to look only: {})", plan.reading.join(", "))?;
    if !plan.obstacles.is_empty() {
        writeln!(out, "\nWhat stands in the way")?;
        for line in &plan.obstacles {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}

const fn mark(change: Change) -> &'static str {
    match change {
        Change::Unknown => "",
        Change::Make => " [to be made]",
        Change::Change => " [there, to be changed]",
        Change::Keep => " [there]",
    }
}

fn tools(tools: &[Tool]) -> String {
    if tools.is_empty() {
        return String::new();
    }
    let names: Vec<String> = tools.iter().map(Tool::to_string).collect();
    format!("  for {}", names.join(", "))
}

/// One line of progress, where there is something to say.
pub(super) fn told(told: &Told<'_>) -> Option<String> {
    match told {
        Told::Begins(_) | Told::Shows(_) => None,
        Told::Waits(step) => Some(format!("  … the directory is behind; asking again for {step}")),
        Told::Ended(step, how) => Some(format!("  {step}: {}", ended(*how))),
    }
}

const fn ended(how: How) -> &'static str {
    match how {
        How::Made => "made",
        How::Recovered => "had been made before the interruption",
        How::AsLogged => "made earlier, as it should be",
        How::Found => "was there before; left as it is",
        How::Changed => "there; brought in line with the plan",
        How::Removed => "taken away",
        How::Restored => "back to what it was before",
        How::Left => "was there before; stays",
    }
}

/// What the account first signs in with.
pub(super) fn first_sign_in(upn: &str, first: &FirstSignIn) -> String {
    match first {
        FirstSignIn::Pass { pass, minutes, once } => format!(
            "\nFor the first sign-in as {upn}, shown once and kept nowhere:\n\n  temporary access \
             pass  {}\n\n  It works {} for {minutes} minutes. Whoever has it is the twin.\n",
            pass.expose(),
            if *once { "once," } else { "" }
        ),
        FirstSignIn::Password(password) => format!(
            "\nFor the first sign-in as {upn}, shown once and kept nowhere:\n\n  password  {}\n\n  \
             It must be changed at that sign-in.\n",
            password.expose()
        ),
    }
}

/// What `offboard` would do, last made first.
pub(super) fn offboarding(steps: &Steps<OnboardStep>) -> String {
    let mut text =
        "In this order:\n  the twin: must have stopped\n  the account's sessions: ended\n"
            .to_owned();
    for entry in steps.entries().iter().rev() {
        let does = match &entry.mark {
            Mark::Made(_) | Mark::Begun => "taken away",
            Mark::Found(_) => "was there before; stays",
            Mark::Changed { .. } => "back to what it was before",
            Mark::Undone { .. } => continue,
        };
        let _ = writeln!(text, "  {}: {does}", entry.step);
    }
    text.push_str(
        "  the refresh tokens kept here: forgotten\n  then everything is looked for once more\n\
         Nothing was changed.",
    );
    text
}

/// What was looked for after the end, and what stays where until when.
pub(super) fn remains(left: &[Remain], state: &Path) -> String {
    let mut text = "Looked for in the directory:\n".to_owned();
    for one in left {
        let found = match (one.found.is_empty(), one.expected) {
            (true, _) => "not there".to_owned(),
            (false, true) => format!("{} (as it should be)", one.found.join(", ")),
            (false, false) => format!("LEFT: {}", one.found.join(", ")),
        };
        let _ = writeln!(text, "  {}: {found}\n    {}", one.what, one.looked_at);
    }
    let evidence = state.join("evidence");
    let _ = write!(
        text,
        "On this host:\n  refresh tokens: not there\n  the evidence stays in {}; the rest of {} can \
         be deleted, and so can the key\nWhat stays elsewhere:\n  account and registrations in the \
         bin of the directory, 30 days; delete them there to be rid of them now\n  your audit log, \
         as long as your tenant keeps it\n  the twin's messages in people's chats, under your \
         retention policies",
        evidence.display(),
        state.display()
    );
    text
}
