package inspect

// Since compares a report with an earlier one of the same project: the findings that came, those among them that are
// worse now or at one more place, and the earlier ones that went. A finding is known again as that of a baseline is.
func (r *Report) Since(before *Report) (came, went []*Finding) {
	earlier := &Baseline{}
	for _, f := range before.Findings {
		earlier.Accepted = append(earlier.Accepted, Accepted{Severity: f.Severity, Fingerprints: f.Fingerprints})
	}
	known := newAcceptance(earlier)
	for _, f := range r.Findings {
		if !known.hasAll(f) {
			came = append(came, f)
		}
	}
	left := map[int]int{} // places of the earlier findings that were not found again
	for _, rows := range known.left {
		for _, row := range rows {
			left[row]++
		}
	}
	for i, f := range before.Findings {
		if left[i] == len(f.Fingerprints) {
			went = append(went, f)
		}
	}
	return came, went
}

// hasAll takes every place of a finding, and says whether all of them were there, and were as bad.
func (a *acceptance) hasAll(f *Finding) bool {
	all := true
	for _, print := range f.Fingerprints {
		left := a.left[print]
		if len(left) == 0 {
			all = false
			continue
		}
		a.left[print] = left[1:]
		all = all && f.Severity <= a.rows[left[0]].Severity
	}
	return all
}
