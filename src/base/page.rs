//! Which part of a list is asked for, and that part.

use crate::base::error::{Result, codes};

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// By number.
    Offset {
        /// From 0 on.
        page: i64,
        /// How many are on one.
        per_page: i64,
        /// Is the number of all wanted too?
        include_totals: bool,
    },
    /// What follows a place in the list.
    Checkpoint {
        /// The `next` of the part before; none for the first part.
        from: Option<String>,
        /// How many at most.
        take: i64,
    },
}

impl Page {
    /// Refuses what Auth0 does not let page numbers reach; no cap, no end.
    pub fn within(self, cap: Option<u32>) -> Result<Self> {
        match cap {
            Some(cap) if self.start().saturating_add(self.limit()) > cap.into() => Err(codes::INVALID_PAGING
                .because(codes::INVALID_PAGING.message.replace("1000", &cap.to_string()))),
            _ => Ok(self),
        }
    }

    /// How many are skipped; none by checkpoint.
    pub fn start(&self) -> i64 {
        match self {
            Self::Offset { page, per_page, .. } => page.saturating_mul(*per_page),
            Self::Checkpoint { .. } => 0,
        }
    }

    /// How many are answered at most.
    pub fn limit(&self) -> i64 {
        match self {
            Self::Offset { per_page, .. } => *per_page,
            Self::Checkpoint { take, .. } => *take,
        }
    }

    /// Where a checkpoint goes on.
    pub fn from(&self) -> Option<&str> {
        match self {
            Self::Offset { .. } => None,
            Self::Checkpoint { from, .. } => from.as_deref(),
        }
    }

    /// How many to fetch: by checkpoint one more than are answered, to know whether anything follows.
    pub fn fetched(&self) -> i64 {
        self.limit() + i64::from(matches!(self, Self::Checkpoint { .. }))
    }

    /// Is the number of all wanted?
    pub fn include_totals(&self) -> bool {
        matches!(self, Self::Offset { include_totals: true, .. })
    }
}

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List<T> {
    /// What is in it.
    pub items: Vec<T>,
    /// How many there are in the whole list, if that was asked.
    pub total: Option<i64>,
    /// By checkpoint: what to ask for what follows, if anything does.
    pub next: Option<String>,
}

impl<T> List<T> {
    /// Of one more than were asked for, keeps those; what follows begins after the last one, which `place` names.
    pub fn end_at(&mut self, limit: i64, place: impl FnOnce(&T) -> String) {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if self.items.len() > limit {
            self.items.truncate(limit);
            self.next = self.items.last().map(place);
        }
    }

    /// The same list of something else.
    pub fn try_map<U>(self, f: impl FnMut(T) -> Result<U>) -> Result<List<U>> {
        let Self { items, total, next } = self;
        Ok(List { items: items.into_iter().map(f).collect::<Result<_>>()?, total, next })
    }
}
