use serde::Serialize;
use subtwin_kernel::SkuId;
use uuid::{Uuid, uuid};

use super::look::owned;
use super::wire::SubscribedSku;
use super::wish::LicenceWish;
use crate::products::product_name;
use crate::{Graph, GraphError};

/// A product the tenant owns that contains Teams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// Its id.
    pub sku: SkuId,
    /// Its part number.
    pub part_number: String,
    /// What people call it.
    pub name: String,
    /// Seats that nobody has.
    pub free: i64,
    /// Whether it is made for people without a desk, which costs least.
    pub frontline: bool,
    /// How many services it contains.
    pub services: usize,
}

/// The products that contain Teams, cheapest first. Graph tells no prices: those for frontline
/// workers come first, then those with the fewest services.
pub(super) fn offers(owned: &[SubscribedSku]) -> Vec<Offer> {
    let has = |sku: &SubscribedSku, id: Uuid| sku.plans().any(|plan| plan == id);
    let mut offers: Vec<Offer> = owned
        .iter()
        .filter(|sku| sku.is_for_users() && has(sku, TEAMS))
        .map(|sku| Offer {
            sku: sku.sku_id,
            part_number: sku.part_number.clone(),
            name: product_name(sku.sku_id, Some(&sku.part_number)),
            free: sku.free(),
            frontline: has(sku, FRONTLINE),
            services: sku.plans().count(),
        })
        .collect();
    offers.sort_by(|a, b| {
        (!a.frontline, a.services, &a.part_number).cmp(&(!b.frontline, b.services, &b.part_number))
    });
    offers
}

/// As [`offers`], read from the directory.
///
/// # Errors
/// When Graph does not answer.
pub async fn offered(graph: &Graph) -> Result<Vec<Offer>, GraphError> {
    Ok(offers(&owned(graph).await?))
}

/// The product to give.
///
/// # Errors
/// A sentence that says why there is none.
pub fn choose<'a>(offers: &'a [Offer], wish: &LicenceWish) -> Result<&'a Offer, String> {
    match wish {
        LicenceWish::Nothing => Err("No licence is wanted.".to_owned()),
        LicenceWish::Product(part) => {
            let found = offers.iter().find(|offer| offer.part_number.eq_ignore_ascii_case(part));
            match found {
                Some(offer) if offer.free > 0 => Ok(offer),
                Some(offer) => Err(format!("{} has no free seat. Buy one.", offer.name)),
                None => Err(format!(
                    "The tenant has no product `{part}` that contains Teams. It has: {}.",
                    listed(offers)
                )),
            }
        }
        LicenceWish::Cheapest => offers.iter().find(|offer| offer.free > 0).ok_or_else(|| {
            format!(
                "No product with Teams has a free seat. Buy one; the tenant has: {}.",
                listed(offers)
            )
        }),
    }
}

fn listed(offers: &[Offer]) -> String {
    if offers.is_empty() {
        return "none".to_owned();
    }
    let each = offers.iter().map(|offer| format!("{} ({})", offer.name, offer.part_number));
    each.collect::<Vec<_>>().join(", ")
}

/// Teams itself (`TEAMS1`): what makes somebody reachable, whatever the product is called.
pub(crate) const TEAMS: Uuid = uuid!("57ff2da0-773e-42df-b2af-ffb7a2317929");
/// SharePoint for frontline workers (`SHAREPOINTDESKLESS`), which only their products contain.
const FRONTLINE: Uuid = uuid!("902b47e5-dcb2-4fdc-858b-c63a90a2bdb9");

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sku(part: &str, plans: &[Uuid], bought: i64, used: i64, status: &str) -> Value {
        let mut plans: Vec<Value> =
            plans.iter().map(|id| json!({"servicePlanId": id, "appliesTo": "User"})).collect();
        plans.push(json!({"servicePlanId": Uuid::from_u128(9)}));
        json!({
            "skuId": Uuid::from_u128(part.len() as u128), "skuPartNumber": part,
            "capabilityStatus": status, "appliesTo": "User", "consumedUnits": used,
            "prepaidUnits": {"enabled": bought}, "servicePlans": plans,
        })
    }

    fn parts(owned: &[Value]) -> Vec<(String, i64)> {
        let owned: Vec<SubscribedSku> =
            owned.iter().map(|sku| serde_json::from_value(sku.clone()).unwrap()).collect();
        offers(&owned).into_iter().map(|offer| (offer.part_number, offer.free)).collect()
    }

    #[test]
    fn teams_is_known_by_its_plan_and_frontline_products_come_first() {
        let other = Uuid::from_u128(7);
        let owned = [
            sku("BIG", &[TEAMS, other, Uuid::from_u128(8)], 5, 1, "Enabled"),
            sku("SMALL", &[TEAMS], 5, 5, "Enabled"),
            sku("FRONT", &[TEAMS, other, FRONTLINE, Uuid::from_u128(8)], 9, 2, "Enabled"),
            sku("TEAMS_BY_NAME_ONLY", &[other], 5, 1, "Enabled"),
            sku("ENDED", &[TEAMS], 5, 1, "Suspended"),
        ];
        assert_eq!(
            parts(&owned),
            [("FRONT".to_owned(), 7), ("SMALL".to_owned(), 0), ("BIG".to_owned(), 4)]
        );
    }

    #[test]
    fn a_product_without_a_free_seat_is_passed_over_and_a_named_one_is_not_replaced() {
        let offer = |part: &str, free| Offer {
            sku: SkuId::new(Uuid::from_u128(1)),
            part_number: part.to_owned(),
            name: part.to_owned(),
            free,
            frontline: false,
            services: 1,
        };
        let all = [offer("A", 0), offer("B", 2)];
        assert_eq!(choose(&all, &LicenceWish::Cheapest).unwrap().part_number, "B");
        let named = |part: &str| choose(&all, &LicenceWish::Product(part.to_owned()));
        assert_eq!(named("b").unwrap().part_number, "B");
        assert_eq!(named("A").unwrap_err(), "A has no free seat. Buy one.");
        assert!(named("C").unwrap_err().contains("It has: A (A), B (B)."));
        let none = choose(&all[..1], &LicenceWish::Cheapest).unwrap_err();
        assert_eq!(none, "No product with Teams has a free seat. Buy one; the tenant has: A (A).");
    }
}
