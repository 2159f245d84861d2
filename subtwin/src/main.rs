//! `subtwin`: an AI helper with a real identity in a company's own directory.

use std::process::ExitCode;

use clap::Parser as _;
use subtwin::cli::{Arguments, Command};
use subtwin::{
    audit, bot, catalog, demo, doctor, keys, onboard, policy, promote, run, sandbox, say, sign_in,
    status, suspension,
};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match arguments.command {
        Command::Demo(demo) => demo::command(&demo),
        Command::Sandbox(tenant) => sandbox::command(&tenant),
        Command::Keys(keys) => keys::command(&keys),
        Command::Onboard(onboard) => onboard::command(&onboard),
        Command::SignIn(sign_in) => sign_in::command(&sign_in),
        Command::Promote(promote) => promote::promote(&promote),
        Command::Demote(demote) => promote::demote(&demote),
        Command::Bot(bot) => bot::command(&bot),
        Command::Run(run) => run::command(&run),
        Command::Doctor(look) => doctor::doctor(&look),
        Command::Whoami(look) => doctor::whoami(&look),
        Command::Status(look) => status::command(&look),
        Command::Suspend(suspend) => suspension::suspend(&suspend),
        Command::Resume(resume) => suspension::resume(&resume),
        Command::Offboard(offboard) => onboard::offboard(&offboard),
        Command::Catalog(catalog) => catalog::command(&catalog),
        Command::Policy(policy) => policy::command(&policy),
        Command::Audit(audit) => audit::command(&audit),
    };
    say::ended(ended)
}
