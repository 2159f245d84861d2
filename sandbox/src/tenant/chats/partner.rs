use uuid::Uuid;

/// Somebody in another tenant who can be chatted with, as their own directory knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outsider {
    /// Object id in the home tenant: the other half of a chat's id.
    pub(crate) id: Uuid,
    pub(crate) tenant: Uuid,
    pub(crate) display_name: String,
    /// Sign-in name, which is also the mail address.
    pub(crate) upn: String,
}

/// The companies ours has external access to.
#[derive(Debug)]
pub(crate) struct Partners(pub(crate) Vec<Outsider>);

impl Default for Partners {
    /// One partner, Fabrikam, with two people. One of them is also a guest in the sample company,
    /// under another object id: only the address ties the two together.
    fn default() -> Self {
        let outsider = |id, display_name: &str, upn: &str| Outsider {
            id: Uuid::from_u128(id),
            tenant: FABRIKAM,
            display_name: display_name.to_owned(),
            upn: upn.to_owned(),
        };
        Self(vec![
            outsider(
                0x5f0c_91d2_77a4_4e1b_9c36_0a8e_51b3_c201,
                "Priya Shah",
                "priya.shah@fabrikam.com",
            ),
            outsider(
                0x5f0c_91d2_77a4_4e1b_9c36_0a8e_51b3_c202,
                "Fabrikam Orders",
                "orders@fabrikam.com",
            ),
        ])
    }
}

impl Partners {
    pub(crate) fn get(&self, id: Uuid) -> Option<&Outsider> {
        self.0.iter().find(|outsider| outsider.id == id)
    }

    /// By home object id or address, within the home tenant the caller named.
    pub(crate) fn find(&self, tenant: Uuid, key: &str) -> Option<&Outsider> {
        self.0.iter().find(|outsider| {
            outsider.tenant == tenant
                && (outsider.upn.eq_ignore_ascii_case(key)
                    || Uuid::try_parse(key).is_ok_and(|id| id == outsider.id))
        })
    }
}

/// The partner's tenant id.
const FABRIKAM: Uuid = Uuid::from_u128(0x8b1e_6f40_2d95_4c7a_b3e0_94d7_6a2c_f001);
