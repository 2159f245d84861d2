//! `subtwin catalog`: what a twin can do at all.

use subtwin_kernel::Tool;
use subtwin_primitives::{Capability, Takeback};

use crate::config::Config;
use crate::{cli, say};

/// Prints the catalog: a table, or the capability descriptors.
///
/// # Errors
/// When the configuration is not right.
pub fn command(options: &cli::Catalog) -> anyhow::Result<()> {
    let tools = match &options.config {
        Some(file) => Config::read(file)?.tools,
        None => Tool::ALL.to_vec(),
    };
    let catalog = subtwin_entra::catalog(&tools);
    if options.json {
        say::line(serde_json::to_string_pretty(&catalog)?);
        return Ok(());
    }
    let rows: Vec<[String; 5]> = catalog.capabilities.iter().map(row).collect();
    let head = ["tool", "risk", "least role", "least permission", "undo"].map(str::to_owned);
    for line in table(&head, &rows) {
        say::line(line);
    }
    say::line(format_args!("\n{} tools, digest {}", rows.len(), catalog.digest()));
    Ok(())
}

fn row(capability: &Capability) -> [String; 5] {
    [
        capability.name.to_string(),
        capability.risk.name().to_owned(),
        capability.roles.first().cloned().unwrap_or_else(|| "none".to_owned()),
        capability.permissions.join(", "),
        match &capability.inverse {
            Takeback::By(tool) => format!("by {tool}"),
            Takeback::Own(how) => how.clone(),
            Takeback::Never(_) => "no".to_owned(),
            Takeback::NothingToUndo => "\u{2013}".to_owned(),
        },
    ]
}

/// Columns as wide as their widest cell; the last one as it comes.
fn table<const N: usize>(head: &[String; N], rows: &[[String; N]]) -> Vec<String> {
    let mut widths = [0; N];
    for row in std::iter::once(head).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    std::iter::once(line(head)).chain(rows.iter().map(line)).collect()
}
