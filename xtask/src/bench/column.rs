//! A column of a table: where its number stands in what the load says, and how it is written.

use serde_json::Value;

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) head: &'static str,
    /// Where the number stands: a JSON pointer.
    at: &'static str,
    shows: Shows,
}

/// What stands in the cells.
#[derive(Clone, Debug, PartialEq)]
enum Shows {
    /// The number, times a scale, to so many digits.
    Number { scale: f64, digits: usize },
    /// How many times that of the floor it is; at the floor itself, nothing.
    Ratio,
    /// The same, but at the floor itself the number with its unit, which makes the others readable.
    RatioTo { unit: &'static str },
}

impl Column {
    pub(super) const fn number(head: &'static str, at: &'static str, scale: f64, digits: usize) -> Self {
        let shows = Shows::Number { scale, digits };
        Self { head, at, shows }
    }

    pub(super) const fn ratio(head: &'static str, at: &'static str) -> Self {
        let shows = Shows::Ratio;
        Self { head, at, shows }
    }

    pub(super) const fn ratio_to(head: &'static str, at: &'static str, unit: &'static str) -> Self {
        let shows = Shows::RatioTo { unit };
        Self { head, at, shows }
    }

    /// The text of a cell: for runs of one server, and runs of the floor beside it. Of several runs it is the median.
    pub(super) fn cell(&self, runs: &[Value], floor: &[Value], is_floor: bool) -> String {
        const NOTHING: &str = "–";
        let own = median(runs, self.at);
        let text = match self.shows {
            Shows::Number { scale, digits } => own.map(|own| written(own * scale, digits)),
            Shows::RatioTo { unit } if is_floor => own.map(|own| format!("{} {unit}", written(own, 2))),
            Shows::Ratio if is_floor => own.map(|_| "1".to_owned()),
            Shows::Ratio | Shows::RatioTo { .. } => own
                .zip(median(floor, self.at).filter(|floor| *floor > 0.0))
                .map(|(own, floor)| {
                    format!(
                        "{}×",
                        written(own / floor, if own / floor < 10.0 { 2 } else { 1 })
                    )
                }),
        };
        text.unwrap_or_else(|| NOTHING.to_owned())
    }
}

/// The median of what stands there in each run that says it.
fn median(runs: &[Value], at: &str) -> Option<f64> {
    let mut numbers: Vec<f64> = runs
        .iter()
        .filter_map(|run| run.pointer(at)?.as_f64())
        .filter(|number| number.is_finite())
        .collect();
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(numbers[middle]),
        _ => Some(f64::midpoint(numbers[middle - 1], numbers[middle])),
    }
}

/// A number with commas between thousands: `1,234,567.8`.
fn written(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |rest| ("-", rest));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{fraction}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        let cases = [
            (0.284, 2, "0.28"),
            (999.0, 0, "999"),
            (1_000.0, 0, "1,000"),
            (1_234_567.89, 1, "1,234,567.9"),
            (-12_345.0, 0, "-12,345"),
        ];
        for (number, digits, expected) in cases {
            assert_eq!(written(number, digits), expected);
        }
    }

    #[test]
    fn of_several_runs_the_median_counts() {
        let runs = |numbers: &[f64]| numbers.iter().map(|n| json!({"a": {"b": n}})).collect::<Vec<_>>();
        let column = Column::number("b", "/a/b", 1.0, 1);
        let cases: [(&[f64], &str); 4] = [
            (&[], "–"),
            (&[3.0], "3.0"),
            (&[9.0, 1.0, 2.0], "2.0"),
            (&[4.0, 1.0], "2.5"),
        ];
        for (numbers, expected) in cases {
            assert_eq!(column.cell(&runs(numbers), &[], false), expected);
        }
    }

    #[test]
    fn what_a_run_does_not_say_is_a_dash() {
        let runs = [json!({"cost": null}), json!({"cost": "much"}), json!({})];
        assert_eq!(Column::number("x", "/cost", 1.0, 0).cell(&runs, &[], false), "–");
        assert_eq!(
            Column::ratio("x", "/cost").cell(&[json!({"cost": 1.0})], &runs, false),
            "–"
        );
    }

    #[test]
    fn ratios_are_to_the_floor_beside_them() {
        let floor = [json!({"cost": 0.25})];
        let own = [json!({"cost": 0.3})];
        let slow = [json!({"cost": 8.0})];
        let ratio = Column::ratio("× floor", "/cost");
        assert_eq!(ratio.cell(&own, &floor, false), "1.20×");
        assert_eq!(ratio.cell(&slow, &floor, false), "32.0×");
        assert_eq!(ratio.cell(&floor, &floor, true), "1");
        let headline = Column::ratio_to("fan-out", "/cost", "µs");
        assert_eq!(headline.cell(&floor, &floor, true), "0.25 µs");
        assert_eq!(headline.cell(&own, &floor, false), "1.20×");
        assert_eq!(ratio.cell(&own, &[json!({"cost": 0.0})], false), "–");
    }
}
