//! Which licence products a phrase can mean.

use subtwin_kernel::Licence;

use crate::text;

/// The products that fit best: those of exactly that part number or name, else those whose name
/// has every word of the phrase. Several mean: ask.
pub(crate) fn matching<'a>(phrase: &str, owned: &'a [Licence]) -> Vec<&'a Licence> {
    let part_number = text::key(phrase).replace([' ', '-'], "_");
    let by = |fits: &dyn Fn(&Licence) -> bool| owned.iter().filter(|l| fits(l)).collect::<Vec<_>>();
    let same_part = by(&|licence| text::key(&licence.part_number) == part_number);
    if !same_part.is_empty() {
        return same_part;
    }
    let wanted = words(phrase);
    if wanted.is_empty() {
        return Vec::new();
    }
    let same_name = by(&|licence| words(&licence.product) == wanted);
    if !same_name.is_empty() {
        return same_name;
    }
    by(&|licence| {
        let mut has = words(&licence.product);
        // "E3 (no Teams)" is not what somebody means who asks for Teams.
        let without = has.iter().position(|word| word == "no");
        if let (Some(at), false) = (without, wanted.iter().any(|word| word == "no")) {
            has.truncate(at);
        }
        wanted.iter().all(|word| has.contains(word))
    })
}

/// A product's name in one form: short names written out, filling words left out.
fn words(name: &str) -> Vec<String> {
    let mut all = Vec::new();
    for word in text::key(name).split(|c: char| !c.is_alphanumeric()) {
        match word {
            "" | "a" | "an" | "the" | "licence" | "license" | "licences" | "licenses"
            | "subscription" | "seat" | "and" | "for" => {}
            "m365" | "microsoft365" => all.extend(["microsoft", "365"].map(str::to_owned)),
            "o365" | "office365" => all.extend(["office", "365"].map(str::to_owned)),
            "ms" => all.push("microsoft".to_owned()),
            "powerbi" => all.extend(["power", "bi"].map(str::to_owned)),
            "ems" => all.extend(["enterprise", "mobility", "security"].map(str::to_owned)),
            "without" => all.push("no".to_owned()),
            _ => all.push(singular(word).to_owned()),
        }
    }
    all
}

/// "E3s" is "E3".
fn singular(word: &str) -> &str {
    match (word.strip_suffix('s'), word.len()) {
        (Some(code), 3) if code.ends_with(|c: char| c.is_ascii_digit()) => code,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use subtwin_kernel::SkuId;
    use uuid::Uuid;

    use super::*;

    fn owned(products: &[(&str, &str)]) -> Vec<Licence> {
        let licence = |(at, (part_number, product)): (usize, &(&str, &str))| Licence {
            sku: SkuId::new(Uuid::from_u128(at as u128)),
            part_number: (*part_number).to_owned(),
            product: (*product).to_owned(),
            free: 1,
            total: 2,
        };
        products.iter().enumerate().map(licence).collect()
    }

    #[test]
    fn a_licence_is_found_by_part_number_name_or_what_people_call_it() {
        let owned = owned(&[
            ("SPE_E3", "Microsoft 365 E3"),
            ("ENTERPRISEPACK", "Office 365 E3"),
            ("Microsoft_365_E3_(no_Teams)", "Microsoft 365 E3 (no Teams)"),
            ("SPE_F1", "Microsoft 365 F3"),
            ("SPB", "Microsoft 365 Business Premium"),
            ("O365_BUSINESS_PREMIUM", "Microsoft 365 Business Standard"),
            ("Microsoft_Teams_Enterprise_New", "Microsoft Teams Enterprise"),
            ("EMS", "Enterprise Mobility + Security E3"),
            ("POWER_BI_PRO", "Power BI Pro"),
        ]);
        for (phrase, parts) in [
            ("SPE_E3", vec!["SPE_E3"]),
            ("spe e3", vec!["SPE_E3"]),
            ("Microsoft 365 E3", vec!["SPE_E3"]),
            ("M365 E3 licence", vec!["SPE_E3"]),
            ("office 365 e3", vec!["ENTERPRISEPACK"]),
            ("O365 E3", vec!["ENTERPRISEPACK"]),
            ("E3", vec!["SPE_E3", "ENTERPRISEPACK", "Microsoft_365_E3_(no_Teams)", "EMS"]),
            ("Microsoft 365 E3 (no Teams", vec!["Microsoft_365_E3_(no_Teams)"]),
            ("E3 without Teams", vec!["Microsoft_365_E3_(no_Teams)"]),
            ("Teams", vec!["Microsoft_Teams_Enterprise_New"]),
            ("F3", vec!["SPE_F1"]),
            ("F3s", vec!["SPE_F1"]),
            ("business premium", vec!["SPB"]),
            ("EMS E3", vec!["EMS"]),
            ("PowerBI Pro", vec!["POWER_BI_PRO"]),
            ("E5", vec![]),
            ("", vec![]),
            ("the licence", vec![]),
        ] {
            let found: Vec<_> = matching(phrase, &owned).iter().map(|l| &l.part_number).collect();
            assert_eq!(found, parts, "{phrase}");
        }
    }
}
