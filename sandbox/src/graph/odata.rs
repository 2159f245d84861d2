//! Query options: `$select`, `$filter`, `$search`, `$top`, `$count`, `$expand`, `$orderby`, paging.
