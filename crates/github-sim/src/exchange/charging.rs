//! What an exchange costs, and how its meter is shown.

use super::{Charge, Exchange, Incoming, NotModifiedCost, splitmix};
use crate::credentials::Standing;
use crate::headers::ShownMeter;
use crate::quota::{self, Meter};
use crate::switches::AtZero;
use http::header;

impl Exchange<'_> {
    pub(super) fn charge(&mut self, resource: &str) -> Result<Charge, Meter> {
        let allowed = quota::allowance(self.caller, resource);
        if self.caller.standing == Standing::AppJwt {
            return Ok(Charge::Unlimited);
        }
        let now = self.incoming.now;
        if !self.switches.primary_limits {
            let reset = now + allowed.window_seconds;
            let untouched = Meter {
                resource: allowed.resource,
                limit: allowed.limit,
                used: 0,
                reset,
            };
            self.meter = Some(untouched);
            return Ok(Charge::Unlimited);
        }
        self.meter = Some(self.front.quota.take(&self.caller.owner, allowed, now)?);
        Ok(Charge::Paid(allowed))
    }

    /// The world knows the resource better than the path did.
    pub(super) fn recharge(&mut self, charge: Charge, resource: &str) -> Charge {
        let Charge::Paid(allowed) = charge else {
            return charge;
        };
        if allowed.resource == resource {
            return charge;
        }
        self.front
            .quota
            .give_back(&self.caller.owner, allowed, self.incoming.now);
        match self.charge(resource) {
            Ok(charge) => charge,
            Err(meter) => {
                self.meter = Some(meter);
                Charge::Unpaid
            }
        }
    }

    pub(super) fn not_modified_cost(&self) -> NotModifiedCost {
        let charged = match self.caller.standing {
            Standing::Anonymous => self.switches.charge_anonymous_not_modified,
            _ => self.switches.charge_authorized_not_modified,
        };
        if charged {
            NotModifiedCost::Charged
        } else {
            NotModifiedCost::Free
        }
    }

    pub(super) fn may_still_be_not_modified(&self) -> bool {
        let headers = self.incoming.headers;
        let conditional = headers.contains_key(header::IF_NONE_MATCH)
            || headers.contains_key(header::IF_MODIFIED_SINCE);
        self.switches.conditional_at_zero == AtZero::Evaluate
            && conditional
            && self.incoming.is_read()
            && self.not_modified_cost() == NotModifiedCost::Free
    }

    /// A 304 gives back what it cost, where it is free.
    pub(super) fn settle_not_modified(&mut self, charge: Charge) {
        let Incoming {
            method, path, now, ..
        } = self.incoming;
        if let Charge::Paid(allowed) = charge
            && self.not_modified_cost() == NotModifiedCost::Free
        {
            self.meter = Some(self.front.quota.give_back(&self.caller.owner, allowed, now));
        }
        if !self.switches.points_for_not_modified {
            self.front
                .secondary
                .give_back(&self.caller.owner, method, path);
        }
    }

    pub(super) fn shown_meter(&self) -> Option<ShownMeter> {
        let mut shown = ShownMeter::from(self.meter?);
        let wobble = splitmix(self.serial);
        if self.switches.reset_jitter {
            shown.reset += i64::from(wobble & 1 == 1);
        }
        if self.switches.unsteady_remaining {
            // Another region has not heard of the last few requests yet.
            let unheard = u32::try_from(wobble >> 8 & 3).unwrap_or(0).min(shown.used);
            shown.used -= unheard;
            shown.remaining = shown.limit - shown.used;
        }
        Some(shown)
    }
}
