package main

import (
	"math"
	"testing"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   []float64
		want float64
	}{
		"one":      {[]float64{3}, 3},
		"odd":      {[]float64{9, 1, 5}, 5},
		"even":     {[]float64{4, 1, 2, 9}, 3},
		"outlier":  {[]float64{1, 2, 3, 4, 1000}, 3},
		"negative": {[]float64{-5, -1, -3}, -3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := median(c.in); got != c.want {
				t.Errorf("median(%v): got %v, want %v", c.in, got, c.want)
			}
		})
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	thousand := make([]int64, 1000)
	for i := range thousand {
		thousand[i] = int64(i + 1)
	}
	for name, c := range map[string]struct {
		in   []int64
		q    float64
		want int64
	}{
		"p50":     {thousand, 0.5, 500},
		"p99":     {thousand, 0.99, 990},
		"p99.9":   {thousand, 0.999, 999},
		"highest": {thousand, 1, 1000},
		"lowest":  {thousand, 0, 1},
		"one":     {[]int64{7}, 0.999, 7},
		"two":     {[]int64{7, 8}, 0.5, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := percentile(c.in, c.q); got != c.want {
				t.Errorf("percentile(%v): got %d, want %d", c.q, got, c.want)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		f             figure
		lull, ha, ngx float64
		ratio         float64 // NaN = none
		verdict       string
	}{
		"no-aim":         {figure{}, 1, 2, 4, 0.5, ""},
		"ratio-low":      {figure{aim: aim{ratioAtMost: limit(0.95)}}, 9, 10, 20, 0.9, "pass"},
		"ratio-over":     {figure{aim: aim{ratioAtMost: limit(0.95)}}, 9.6, 20, 10, 0.96, "miss"},
		"higher-better":  {figure{higher: true, aim: aim{ratioAtLeast: limit(1)}}, 30, 20, 25, 1.2, "pass"},
		"higher-worse":   {figure{higher: true, aim: aim{ratioAtLeast: limit(1)}}, 20, 10, 25, 0.8, "miss"},
		"absolute":       {figure{alone: true, aim: aim{atMost: limit(1)}}, 0.4, 3.8, 9.9, math.NaN(), "pass"},
		"absolute-over":  {figure{alone: true, aim: aim{atMost: limit(1)}}, 1.1, 3.8, 9.9, math.NaN(), "miss"},
		"never-early":    {figure{alone: true, aim: aim{atLeast: limit(0)}}, -0.1, 1, 1, math.NaN(), "miss"},
		"both-one-fails": {figure{aim: aim{atMost: limit(5), ratioAtMost: limit(1)}}, 4, 2, 3, 2, "miss"},
		"zero-equal":     {figure{aim: aim{ratioAtMost: limit(1)}}, 0, 0, 1, 1, "pass"},
		"zero-beaten":    {figure{aim: aim{ratioAtMost: limit(1)}}, 1, 0, 1, math.Inf(1), "miss"},
		"named-peer":     {figure{aim: aim{ratioAtMost: limit(1), to: "haproxy"}}, 15, 20, 10, 0.75, "pass"},
		"named-worse":    {figure{aim: aim{ratioAtMost: limit(1), to: "nginx"}}, 15, 20, 10, 1.5, "miss"},
		"named-absent":   {figure{aim: aim{ratioAtMost: limit(1), to: "caddy"}}, 15, 20, 10, math.NaN(), ""},
		"negative-peer":  {figure{aim: aim{ratioAtMost: limit(1)}}, 1, -1, 1, math.NaN(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.f.add("lull", c.lull)
			c.f.add("haproxy", c.ha)
			c.f.add("nginx", c.ngx)
			peers := []string{"haproxy", "nginx"}
			r, ok := c.f.ratio("lull", peers)
			if ok == math.IsNaN(c.ratio) || ok && math.Abs(r-c.ratio) > 1e-9 && r != c.ratio {
				t.Errorf("ratio: got %v, %v; want %v", r, ok, c.ratio)
			}
			if got := c.f.verdict("lull", peers); got != c.verdict {
				t.Errorf("verdict: got %q, want %q", got, c.verdict)
			}
		})
	}
}

func TestVerdictOfNothing(t *testing.T) {
	t.Parallel()
	f := figure{aim: aim{atMost: limit(1), ratioAtMost: limit(1)}}
	if got := f.verdict("lull", []string{"nginx"}); got != "" {
		t.Errorf("nothing measured: got %q, want no verdict", got)
	}
	f.add("lull", 0.5)
	if got := f.verdict("lull", []string{"nginx"}); got != "pass" {
		t.Errorf("no peer measured: got %q, want the absolute aim judged", got)
	}
}

func TestTake(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		take take
		want float64
	}{{takeMedian, 2}, {takeLeast, 1}, {takeMost, 9}} {
		f := figure{take: c.take}
		for _, v := range []float64{9, 1, 2} {
			f.add("lull", v)
		}
		if got, ok := f.value("lull"); got != c.want || !ok {
			t.Errorf("take %d: got %v, %v; want %v", c.take, got, ok, c.want)
		}
	}
}

func TestAimString(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]aim{
		"":               {},
		"≤ 5":            {atMost: limit(5)},
		"≤ 5, ratio ≤ 1": {atMost: limit(5), ratioAtMost: limit(1)},
		"≥ 0":            {atLeast: limit(0)},
		"ratio ≥ 1":      {ratioAtLeast: limit(1)},
		"ratio ≤ 0.95":   {ratioAtMost: limit(0.95)},

		"ratio to nginx ≤ 0.95": {ratioAtMost: limit(0.95), to: "nginx"},
	} {
		if got := a.String(); got != want {
			t.Errorf("aim: got %q, want %q", got, want)
		}
	}
}

// TestRivalUnderTwoNames wants a kind that competes with itself to be found.
func TestRivalUnderTwoNames(t *testing.T) {
	t.Parallel()
	f := figure{aim: aim{to: "haproxy"}}
	f.add("haproxy", 10)
	f.add("haproxy#2", 8)
	f.add("nginx", 1)
	if r, ok := f.ratio("haproxy", []string{"nginx", "haproxy#2"}); !ok || r != 1.25 {
		t.Errorf("ratio: got %v, %v; want 1.25", r, ok)
	}
}

func TestRatioExtremes(t *testing.T) {
	t.Parallel()
	f := figure{}
	for round, v := range []float64{10, 20, 30} { // a machine that grows slower
		f.add("lull", v)
		f.add("nginx", []float64{20, 25, 60}[round])
		f.add("haproxy", 100)
	}
	if least, most, ok := f.ratioExtremes("lull", []string{"haproxy", "nginx"}); !ok || least != 0.5 || most != 0.8 {
		t.Errorf("extremes: got %v, %v, %v; want 0.5 and 0.8", least, most, ok)
	}
	f.add("lull", 10)
	if least, most, ok := f.ratioExtremes("lull", []string{"nginx"}); ok {
		t.Errorf("rounds without a pair: got %v, %v, want none", least, most)
	}
	zero := figure{samples: map[string][]float64{"lull": {1, 2}, "nginx": {1, 0}}}
	if least, most, ok := zero.ratioExtremes("lull", []string{"nginx"}); ok {
		t.Errorf("a round of nothing: got %v, %v, want none", least, most)
	}
}

func TestReference(t *testing.T) {
	t.Parallel()
	f := figure{}
	if v, ok := f.reference([]string{"lull"}); ok {
		t.Errorf("nothing measured: got %v, want none", v)
	}
	f.add("nginx", 3)
	if v, ok := f.reference([]string{"lull", "nginx"}); !ok || v != 3 {
		t.Errorf("without HAProxy: got %v, %v; want nginx's 3", v, ok)
	}
	f.add("haproxy", 2)
	if v, ok := f.reference([]string{"lull", "nginx"}); !ok || v != 2 {
		t.Errorf("with HAProxy: got %v, %v; want its 2", v, ok)
	}
}
