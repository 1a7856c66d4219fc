package revision

import "slices"

// The records of a history form a chain, as commits do in git: each has the seal of the record that was the newest when it was
// made. So a record that was replaced by another one does not fit the next one. Records are numbered without gaps, so
// a record that is missing is known too. Skipped closes the gap that records leave which psc removes.

// Missing returns the numbers of the records that are missing although psc did not remove them, oldest first. A record without
// a seal says nothing about others.
func (h History) Missing() []int {
	missing := h.MissingNewest()
	for i, r := range h.All {
		older := 0
		if i+1 < len(h.All) {
			older = h.All[i+1].Number
		}
		newest := older // the newest number below r that must have a record
		switch {
		case r.Skips != nil:
			newest = r.Skips.Number
		case r.Before != nil:
			newest = r.Number - 1
		}
		for n := newest; n > older; n-- {
			missing = append(missing, n)
		}
	}
	slices.Sort(missing)
	return missing
}

// MissingNewest are those of Missing that are newer than all records.
func (h History) MissingNewest() []int {
	var missing []int
	for n := h.Newest().Number + 1; n <= h.newest; n++ {
		missing = append(missing, n)
	}
	return missing
}

// Newest returns the link to the newest record.
func (h History) Newest() *Link {
	if len(h.All) == 0 {
		return &Link{}
	}
	return &Link{h.All[0].Number, h.All[0].Seal}
}

// Seals returns the seals that records must have, by number, as newer records say.
func Seals(records []Revision) map[int]string {
	seals := map[int]string{}
	for _, r := range records {
		if link := r.before(); link != nil && link.Seal != "" {
			seals[link.Number] = link.Seal
		}
	}
	return seals
}

// before returns the link to the record before r that psc did not remove, or nil.
func (r Revision) before() *Link {
	if r.Skips != nil {
		return r.Skips
	}
	return r.Before
}

// Skipped returns what some records have to skip, by number, when others are removed. The newest record is never removed.
func (h History) Skipped(removed []int) map[int]Link {
	skips := map[int]Link{}
	stays := 0 // the number of the last record that stays
	for i, r := range h.All {
		link := r.before()
		switch {
		case !slices.Contains(removed, r.Number):
			stays = r.Number
		case link != nil:
			skips[stays] = *link
		case i+1 < len(h.All):
			skips[stays] = Link{h.All[i+1].Number, h.All[i+1].Seal}
		default:
			skips[stays] = Link{}
		}
	}
	return skips
}
