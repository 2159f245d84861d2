use subtwin_kernel::SkuId;

/// One row of the product table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// What people call it, for example "Microsoft 365 E3".
    pub name: &'static str,
    /// `skuPartNumber`, for example `SPE_E3`.
    pub part_number: &'static str,
    /// Whether it contains the Teams plan, without which nobody can chat with its holder.
    pub teams: bool,
}

/// Looks a product up by its `skuId`. Graph has no product names, so this is a table of ours
/// (`skus.tsv`, written by `skus.py`); a product that is not in it is shown by its part number.
#[must_use]
pub fn product(sku: SkuId) -> Option<Product> {
    let id = sku.to_string();
    TABLE.lines().find_map(|line| {
        let mut cells = line.split('\t');
        if cells.next()? != id {
            return None;
        }
        let (part_number, name, teams) = (cells.next()?, cells.next()?, cells.next()?);
        Some(Product { name, part_number, teams: teams == "teams" })
    })
}

/// The product's name, or its part number when we know no name, or its id when we know neither.
pub(crate) fn product_name(sku: SkuId, part_number: Option<&str>) -> String {
    match (product(sku), part_number) {
        (Some(product), _) => product.name.to_owned(),
        (None, Some(part_number)) if !part_number.is_empty() => part_number.to_owned(),
        (None, _) => format!("product {sku}"),
    }
}

const TABLE: &str = include_str!("skus.tsv");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_found_by_its_id() {
        for line in TABLE.lines() {
            let sku = line.split('\t').next().unwrap().parse().unwrap();
            let found = product(sku).unwrap_or_else(|| panic!("not found: {line}"));
            assert!(!found.name.is_empty() && !found.part_number.is_empty(), "{line}");
        }
        assert!(TABLE.lines().count() > 10);
    }

    #[test]
    fn a_product_is_named_as_people_name_it_and_else_by_its_part_number() {
        let e3 = "05e9a617-0261-4cee-bb44-138d3ef5d965".parse().unwrap();
        assert_eq!(product_name(e3, Some("SPE_E3")), "Microsoft 365 E3");
        assert!(product(e3).unwrap().teams);
        let unknown = "00000000-0000-0000-0000-00000000abcd".parse().unwrap();
        assert_eq!(product_name(unknown, Some("NEW_THING")), "NEW_THING");
        assert_eq!(product_name(unknown, None), format!("product {unknown}"));
    }
}
