//! Sets of places, compared at the cost of a few bits.

use super::projection::Place;

/// The last place with a bit of its own.
const LAST: Place = 255;

/// A set of places. Those behind [`LAST`] count as one, so that a set may seem to hold more than was put into it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct PlaceSet([u128; 2]);

impl PlaceSet {
    /// Adds a place.
    pub(crate) fn add(&mut self, place: Place) {
        let place = place.min(LAST);
        self.0[usize::from(place / 128)] |= 1 << (place % 128);
    }

    /// What is in either.
    pub(crate) fn and(self, other: PlaceSet) -> PlaceSet {
        PlaceSet([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }

    /// Whether some place is in both.
    pub(crate) fn meets(self, other: PlaceSet) -> bool {
        self.0[0] & other.0[0] | self.0[1] & other.0[1] != 0
    }

    /// Nothing was added.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == [0, 0]
    }
}

impl FromIterator<Place> for PlaceSet {
    fn from_iter<I: IntoIterator<Item = Place>>(places: I) -> PlaceSet {
        let mut set = PlaceSet::default();
        places.into_iter().for_each(|place| set.add(place));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(places: &[Place]) -> PlaceSet {
        places.iter().copied().collect()
    }

    #[test]
    fn sets_meet_where_they_share_a_place() {
        assert!(set(&[]).is_empty() && !set(&[0]).is_empty());
        assert!(set(&[3, 127, 128]).meets(set(&[128])));
        assert!(!set(&[3, 127, 254]).meets(set(&[2, 126, 128, 255])));
        assert_eq!(set(&[1]).and(set(&[200])), set(&[1, 200]));
        // Too many is no fault, too few would be.
        assert!(set(&[700]).meets(set(&[4000])) && !set(&[700]).meets(set(&[254])));
    }
}
