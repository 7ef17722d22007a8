//! The groups of callers that see the same bytes, and how a newly received body finds its group.
//!
//! When a caller that is new to the entry gets a body nobody had, either the resource has changed or this caller sees
//! it differently; the answer alone does not tell.
//! The rule: assume a change until difference is proven.
//! It is proven when somebody is sent a body that is already known as an *older* one (kept, or what this very caller
//! was shown before others were shown something else): then both bodies are current, each for its own callers, the
//! view is split, and from then on (`Difference::Proven`) newcomers with unknown bodies get views of their own.
//! A caller who had the newest body himself and is sent an older one proves nothing but that the resource has been
//! changed back.
//! A wrong assumption costs one plain request and can never show a body to a caller it was not confirmed for.

#[cfg(feature = "packed")]
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use smallvec::SmallVec;

use super::confirmations::Confirmations;
use super::{BodyDigest, Received, Representation, Sharing};
use crate::fingerprint::CredentialClass;
#[cfg(feature = "packed")]
use crate::kept_body::KeptBody;
use crate::wire::{from_nanos, to_nanos};

/// Views of one entry that are kept; beyond it the longest unused are dropped.
const MAX_VIEWS: usize = 1024;
/// Bytes that the bodies of one entry may hold together; beyond it the longest unused views are dropped.
const MAX_BODY_BYTES: usize = 32 << 20;

pub(crate) type ViewId = u32;

/// What absorbing a body meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Absorbed {
    /// The first body, or a new version of one.
    NewVersion,
    /// A body that was known already.
    Known,
    /// An older body is still current for some callers: the view was split.
    Split,
    /// Another answer, to a request sent later, was absorbed before: this one changes nothing.
    Late,
}

/// Whether different callers are known to see different bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Difference {
    #[default]
    Unproven,
    Proven,
}

impl Difference {
    /// What the path says by itself: GitHub's paths about "the authenticated user" and "the app" answer each caller
    /// differently, so nothing has to be found out there. `/user/{id}/...` is an alias of `/users/{login}/...`.
    pub(super) fn expected(path: &str) -> Self {
        let mut segments = path.split('/').skip(1);
        let first = segments.next().unwrap_or_default();
        let numbered = segments.next().is_some_and(|second| {
            !second.is_empty() && second.bytes().all(|byte| byte.is_ascii_digit())
        });
        match first {
            "user" if !numbered => Self::Proven,
            "notifications" | "issues" | "app" | "installation" => Self::Proven,
            _ => Self::Unproven,
        }
    }
}

/// Callers that see the same body.
#[derive(Debug)]
pub(crate) struct View {
    id: ViewId,
    class: CredentialClass,
    head: Arc<Representation>,
    /// The version before: what its callers may still be shown when GitHub cannot be asked, and what proves a split.
    previous: Option<Arc<Representation>>,
    /// Nanoseconds since the Unix epoch.
    used_at: u64,
}

impl View {
    pub(crate) fn head(&self) -> &Arc<Representation> {
        &self.head
    }

    pub(crate) fn class(&self) -> CredentialClass {
        self.class
    }

    pub(super) fn id(&self) -> ViewId {
        self.id
    }

    pub(super) fn previous(&self) -> Option<&Arc<Representation>> {
        self.previous.as_ref()
    }

    pub(super) fn used_at(&self) -> SystemTime {
        from_nanos(self.used_at)
    }

    fn used(&mut self, at: SystemTime) {
        self.used_at = self.used_at.max(to_nanos(at));
    }

    /// A view that was stored outside the process.
    pub(super) fn restore(
        id: ViewId,
        class: CredentialClass,
        head: Arc<Representation>,
        previous: Option<Arc<Representation>>,
        used_at: SystemTime,
    ) -> Self {
        Self {
            id,
            class,
            head,
            previous,
            used_at: to_nanos(used_at),
        }
    }

    fn bodies(&self) -> impl Iterator<Item = &Arc<Representation>> {
        std::iter::once(&self.head).chain(&self.previous)
    }

    fn bodies_mut(&mut self) -> impl Iterator<Item = &mut Arc<Representation>> {
        std::iter::once(&mut self.head).chain(&mut self.previous)
    }

    /// The kept body with this digest.
    pub(crate) fn holding(&self, digest: BodyDigest) -> Option<&Arc<Representation>> {
        self.bodies().find(|body| body.digest() == digest)
    }

    /// Keeps a body that arrives after a newer one, unless something newer than it is kept beside the head already:
    /// whatever order bodies arrive in, the two newest stay.
    fn keep_behind(&mut self, late: &Arc<Representation>) -> Option<ViewId> {
        match &self.previous {
            Some(kept) if kept.digest() == late.digest() => {}
            Some(kept) if kept.requested_at() >= late.requested_at() => return None,
            _ => self.previous = Some(Arc::clone(late)),
        }
        Some(self.id)
    }

    fn advance(&mut self, representation: &Arc<Representation>) {
        self.previous = Some(std::mem::replace(
            &mut self.head,
            Arc::clone(representation),
        ));
    }
}

/// All views of an entry.
#[derive(Debug, Default)]
pub(crate) struct Views {
    /// Sorted by their ids. Most entries never have a second one.
    views: SmallVec<[View; 1]>,
    next_id: ViewId,
    difference: Difference,
}

impl Views {
    pub(super) fn new(difference: Difference) -> Self {
        Self {
            difference,
            ..Self::default()
        }
    }

    /// Views that were stored outside the process; their ids are their positions.
    pub(super) fn restore(difference: Difference, views: Vec<View>) -> Self {
        let next_id = views.last().map_or(0, |view| view.id + 1);
        Self {
            views: views.into_iter().collect(),
            next_id,
            difference,
        }
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, View> {
        self.views.iter()
    }

    pub(super) fn position(&self, id: ViewId) -> Option<usize> {
        // Ids only grow, so the views are sorted by them.
        self.views.binary_search_by_key(&id, |view| view.id).ok()
    }

    pub(crate) fn find(&self, id: ViewId) -> Option<&View> {
        self.position(id).map(|position| &self.views[position])
    }

    /// The body a caller unknown here most likely sees: of its own class first, the most recently confirmed one.
    pub(crate) fn best_guess(&self, class: CredentialClass) -> Option<Arc<Representation>> {
        self.views
            .iter()
            .filter(|view| view.head.sharing() == Sharing::ByFormula)
            .max_by_key(|view| (view.class == class, view.used_at))
            .map(|view| Arc::clone(&view.head))
    }

    /// Finds the place of a received body; `previous` is what the caller was confirmed for before.
    pub(super) fn absorb(
        &mut self,
        received: &Received,
        previous: Option<(ViewId, BodyDigest)>,
    ) -> (Option<ViewId>, Absorbed) {
        let Received {
            class,
            representation,
            confirmed,
            ..
        } = received;
        let known = self
            .views
            .iter()
            .position(|view| view.class == *class && view.head.digest() == representation.digest());
        if let Some(position) = known {
            let view = &mut self.views[position];
            if view.head.requested_at() <= representation.requested_at() {
                view.head = Arc::clone(representation);
            }
            view.used(confirmed.at);
            return (Some(view.id), Absorbed::Known);
        }
        let outdated = |view: &View| view.head.requested_at() > representation.requested_at();
        if self.proves_difference(received, previous) {
            // Until then, an answer that was overtaken may just be old.
            let overtaken = |view: &View| view.class == *class && outdated(view);
            if self.difference == Difference::Proven || !self.views.iter().any(overtaken) {
                self.difference = Difference::Proven;
                let id = self.open(*class, representation, confirmed.at);
                return (Some(id), Absorbed::Split);
            }
        }
        match self.successor_of(received, previous) {
            Some(position) => {
                let view = &mut self.views[position];
                if outdated(view) {
                    return (view.keep_behind(representation), Absorbed::Late);
                }
                view.advance(representation);
                view.used(confirmed.at);
                (Some(view.id), Absorbed::NewVersion)
            }
            None => {
                let id = self.open(received.class, representation, confirmed.at);
                (Some(id), Absorbed::NewVersion)
            }
        }
    }

    /// Whether a body that is nobody's newest is known as an older one, so that it and a newer one are both current.
    fn proves_difference(
        &self,
        received: &Received,
        previous: Option<(ViewId, BodyDigest)>,
    ) -> bool {
        let Received {
            class,
            representation,
            ..
        } = received;
        if *class == CredentialClass::Anonymous {
            // GitHub's edge may show an anonymous caller an older body for a while; a token's answer is current.
            return false;
        }
        if let Some((id, own)) = previous {
            let newest = self.find(id).map(|view| view.head.digest());
            if newest == Some(own) {
                // This caller had what was newest: for it at least, this is a change, even if it is one back.
                return false;
            }
            if own == representation.digest() {
                return true;
            }
        }
        self.views.iter().any(|view| {
            let kept = view.previous.as_ref();
            view.class == *class
                && kept.is_some_and(|body| body.digest() == representation.digest())
        })
    }

    pub(super) fn difference(&self) -> Difference {
        self.difference
    }

    /// Takes over what another copy of the entry has found out; what is proven stays proven.
    pub(super) fn learn(&mut self, difference: Difference) {
        if difference == Difference::Proven {
            self.difference = Difference::Proven;
        }
    }

    /// The view whose new version a body that nobody had is taken for.
    fn successor_of(
        &self,
        received: &Received,
        previous: Option<(ViewId, BodyDigest)>,
    ) -> Option<usize> {
        let same_class = |view: &View| view.class == received.class;
        if let Some((id, _)) = previous {
            return self
                .views
                .iter()
                .position(|view| view.id == id && same_class(view));
        }
        let sharable = received.representation.sharing() == Sharing::ByFormula;
        if self.difference == Difference::Proven || !sharable {
            return None;
        }
        let candidates = self.views.iter().enumerate();
        candidates
            .filter(|(_, view)| same_class(view) && view.head.sharing() == Sharing::ByFormula)
            .max_by_key(|(_, view)| view.used_at)
            .map(|(position, _)| position)
    }

    fn open(
        &mut self,
        class: CredentialClass,
        head: &Arc<Representation>,
        used_at: SystemTime,
    ) -> ViewId {
        let id = self.next_id;
        self.next_id += 1;
        self.views.push(View {
            id,
            class,
            head: Arc::clone(head),
            previous: None,
            used_at: to_nanos(used_at),
        });
        id
    }

    /// After a split: callers who were confirmed for the body that split off see the same thing, so they go with it.
    pub(super) fn follow_split(
        &mut self,
        view: ViewId,
        digest: BodyDigest,
        confirmations: &mut Confirmations,
    ) {
        let class = self.find(view).map(View::class);
        let mut left = Vec::new();
        for other in &mut self.views {
            if other.id == view || Some(other.class) != class {
                continue;
            }
            left.push(other.id);
            if other
                .previous
                .as_ref()
                .is_some_and(|body| body.digest() == digest)
            {
                other.previous = None;
            }
        }
        for confirmation in confirmations.values_mut() {
            // Ids only grow, so these are sorted.
            if confirmation.digest() == digest && left.binary_search(&confirmation.view()).is_ok() {
                *confirmation = Arc::new(confirmation.moved_to(view));
            }
        }
    }

    /// The view for a caller to whom this body was just confirmed by a 304.
    pub(super) fn place_confirmed(
        &mut self,
        class: CredentialClass,
        body: &Arc<Representation>,
        at: SystemTime,
    ) -> ViewId {
        let digest = body.digest();
        let of_class = |view: &&mut View| view.class == class;
        let with_head = self
            .views
            .iter_mut()
            .filter(of_class)
            .find(|view| view.head.digest() == digest);
        let found = match with_head {
            Some(view) => Some(view),
            None => {
                let mut views = self.views.iter_mut().filter(of_class);
                views.find(|view| view.holding(digest).is_some())
            }
        };
        match found {
            Some(view) => {
                view.used(at);
                view.id
            }
            None => self.open(class, body, at),
        }
    }

    /// Puts a body under new headers in place of the same body under old ones.
    pub(super) fn replace(&mut self, fresh: &Arc<Representation>) {
        for body in self.views.iter_mut().flat_map(View::bodies_mut) {
            if body.digest() == fresh.digest() {
                *body = Arc::clone(fresh);
            }
        }
    }

    /// The bodies that are kept as they came.
    #[cfg(feature = "packed")]
    pub(super) fn plain_bodies(&self) -> HashMap<BodyDigest, KeptBody> {
        let bodies = self.views.iter().flat_map(View::bodies);
        let plain = bodies.filter(|body| !body.body().is_packed());
        plain
            .map(|body| (body.digest(), body.body().clone()))
            .collect()
    }

    /// Puts a packed body in place of the same one as it came, under whatever headers that is.
    #[cfg(feature = "packed")]
    pub(super) fn replace_plain(&mut self, digest: BodyDigest, packed: &KeptBody) {
        for body in self.views.iter_mut().flat_map(View::bodies_mut) {
            if body.digest() == digest && !body.body().is_packed() {
                *body = body.with_body(packed.clone());
            }
        }
    }

    /// Each kept body once.
    pub(crate) fn representations(&self) -> Vec<&Arc<Representation>> {
        let mut seen = HashSet::with_capacity(self.views.len() + 1);
        let heads = self.views.iter().map(|view| &view.head);
        let previous = self.views.iter().filter_map(|view| view.previous.as_ref());
        heads
            .chain(previous)
            .filter(|body| seen.insert(body.digest()))
            .collect()
    }

    /// Drops what exceeds the bounds of an entry, longest unused first, and the confirmations that point at it.
    pub(super) fn prune(&mut self, confirmations: &mut Confirmations) {
        if self.is_within_bounds() {
            return;
        }
        // A further 304 renews a confirmation without touching its view.
        for confirmation in confirmations.values() {
            let place = |view: &View| view.id;
            if let Ok(at) = self.views.binary_search_by_key(&confirmation.view(), place) {
                let view = &mut self.views[at];
                view.used(confirmation.validated_at());
            }
        }
        let mut dropped = Vec::new();
        while self.views.len() > 1 && !self.is_within_bounds() {
            let Some(oldest) = (0..self.views.len()).min_by_key(|at| self.views[*at].used_at)
            else {
                break;
            };
            dropped.push(self.views.remove(oldest).id);
        }
        if !dropped.is_empty() {
            confirmations.retain(|_, confirmation| !dropped.contains(&confirmation.view()));
        }
    }

    /// Whether a body is kept that was asked for up to `at`.
    pub(super) fn hold_asked_until(&self, at: SystemTime) -> bool {
        let bodies = |view: &View| {
            let previous = view.previous.as_ref().map(|body| body.requested_at());
            view.head.requested_at() <= at || previous.is_some_and(|asked| asked <= at)
        };
        self.views.iter().any(bodies)
    }

    /// Drops the bodies that were asked for up to `at` and that none of the remaining callers was confirmed for.
    pub(super) fn forget_until(&mut self, at: SystemTime, remaining: &Confirmations) {
        let wanted: HashSet<_> = remaining.values().map(|known| known.place()).collect();
        self.views.retain(|view| {
            let id = view.id;
            let stays = |body: &Arc<Representation>| {
                body.requested_at() > at || wanted.contains(&(id, body.digest()))
            };
            view.previous = view.previous.take().filter(stays);
            if stays(&view.head) {
                return true;
            }
            match view.previous.take() {
                Some(previous) => {
                    view.head = previous;
                    true
                }
                None => false,
            }
        });
    }

    fn is_within_bounds(&self) -> bool {
        self.views.len() <= MAX_VIEWS && self.body_bytes() <= MAX_BODY_BYTES
    }

    fn body_bytes(&self) -> usize {
        self.representations()
            .iter()
            .map(|body| body.body().len())
            .sum()
    }
}
