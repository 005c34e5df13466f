//! The pages of a list.

use crate::base::error::{Result, codes};

/// The requested page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// By page number.
    Offset {
        /// The page number, from 0.
        page: i64,
        per_page: i64,
        /// Whether to count the whole list.
        include_totals: bool,
    },
    /// The items after a cursor.
    Checkpoint {
        /// The `next` of the previous page; `None` for the first page.
        from: Option<String>,
        /// The maximum number of items.
        take: i64,
    },
}

impl Page {
    /// Rejects a page that ends after the first `cap` items; `None` for no limit.
    pub fn within(self, cap: Option<u32>) -> Result<Self> {
        match cap {
            Some(cap) if self.start().saturating_add(self.limit()) > cap.into() => Err(codes::INVALID_PAGING
                .with_message(codes::INVALID_PAGING.message.replace("1000", &cap.to_string()))),
            _ => Ok(self),
        }
    }

    /// The number of skipped items.
    pub fn start(&self) -> i64 {
        match self {
            Self::Offset { page, per_page, .. } => page.saturating_mul(*per_page),
            Self::Checkpoint { .. } => 0,
        }
    }

    /// The maximum number of items.
    pub fn limit(&self) -> i64 {
        match self {
            Self::Offset { per_page, .. } => *per_page,
            Self::Checkpoint { take, .. } => *take,
        }
    }

    /// The cursor of a checkpoint page.
    pub fn from(&self) -> Option<&str> {
        match self {
            Self::Offset { .. } => None,
            Self::Checkpoint { from, .. } => from.as_deref(),
        }
    }

    /// The number of items to fetch: one more than [`Page::limit`] for a checkpoint page, to know whether
    /// another page follows.
    pub fn fetched(&self) -> i64 {
        self.limit() + i64::from(matches!(self, Self::Checkpoint { .. }))
    }

    /// Whether to count the whole list.
    pub fn include_totals(&self) -> bool {
        matches!(self, Self::Offset { include_totals: true, .. })
    }
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List<T> {
    pub items: Vec<T>,
    /// The length of the whole list, if requested.
    pub total: Option<i64>,
    /// The cursor of the next page, if another page follows.
    pub next: Option<String>,
}

impl<T> List<T> {
    /// Drops the item beyond `limit`, if any, and sets `next` to the cursor of the last remaining item.
    pub fn end_at(&mut self, limit: i64, cursor: impl FnOnce(&T) -> String) {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if self.items.len() > limit {
            self.items.truncate(limit);
            self.next = self.items.last().map(cursor);
        }
    }

    /// Maps the items.
    pub fn try_map<U>(self, f: impl FnMut(T) -> Result<U>) -> Result<List<U>> {
        let Self { items, total, next } = self;
        Ok(List { items: items.into_iter().map(f).collect::<Result<_>>()?, total, next })
    }
}
