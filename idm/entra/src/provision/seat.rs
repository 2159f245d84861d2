use serde::Deserialize;
use subtwin_kernel::SkuId;

use crate::products::product_name;
use crate::{Graph, GraphError, Read};

/// A product of the tenant that contains Teams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The product.
    pub sku: SkuId,
    /// What people call it.
    pub name: String,
    /// Seats nobody has.
    pub free: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscribed {
    sku_id: SkuId,
    sku_part_number: Option<String>,
    capability_status: Option<String>,
    #[serde(default)]
    consumed_units: i64,
    prepaid_units: Units,
    #[serde(default)]
    service_plans: Vec<Plan>,
}

#[derive(Deserialize)]
struct Units {
    #[serde(default)]
    enabled: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    service_plan_id: Option<String>,
}

/// The tenant's products with Teams, the cheapest first, whether a seat is free or not.
///
/// Whether Teams is in a product is told by its plans, never by its name. Graph knows no prices: the
/// order is that of the price list, frontline products first; a product that is not in it comes last.
///
/// # Errors
/// When Graph does not answer.
pub async fn seats(graph: &Graph) -> Result<Vec<Seat>, GraphError> {
    let read = Read::at("/v1.0/subscribedSkus");
    let mut all: Vec<Subscribed> = graph.list(&read, 10).await?;
    all.retain(|sku| {
        let teams = |plan: &Plan| plan.service_plan_id.as_deref() == Some(TEAMS);
        sku.capability_status.as_deref() == Some("Enabled") && sku.service_plans.iter().any(teams)
    });
    all.sort_by_key(|sku| {
        let part = sku.sku_part_number.as_deref().unwrap_or_default();
        CHEAPEST_FIRST.iter().position(|known| *known == part).unwrap_or(usize::MAX)
    });
    let seat = |sku: Subscribed| Seat {
        sku: sku.sku_id,
        name: product_name(sku.sku_id, sku.sku_part_number.as_deref()),
        free: sku.prepaid_units.enabled.saturating_sub(sku.consumed_units),
    };
    Ok(all.into_iter().map(seat).collect())
}

/// The service plan Teams (`TEAMS1`).
pub(crate) const TEAMS: &str = "57ff2da0-773e-42df-b2af-ffb7a2317929";

/// Part numbers, as ordered by list price: frontline, Teams alone, business, enterprise.
const CHEAPEST_FIRST: [&str; 12] = [
    "M365_F1",
    "M365_F1_COMM",
    "DESKLESSPACK",
    "Microsoft_Teams_Enterprise_New",
    "SPE_F1",
    "STANDARDPACK",
    "SPB",
    "ENTERPRISEPACK",
    "SPE_E3",
    "ENTERPRISEPREMIUM",
    "SPE_E5",
    "MICROSOFT_365_E7",
];
