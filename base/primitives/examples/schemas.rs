//! Writes the schemas anew, after a shape was changed on purpose.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    std::fs::write(schemas.join("audit-record.json"), subtwin_primitives::audit_record_schema())?;
    std::fs::write(schemas.join("audit-leaf.json"), subtwin_primitives::leaf_schema())?;
    std::fs::write(schemas.join("catalog.json"), subtwin_primitives::catalog_schema())
}
