//! Plots as SVG inside the page: lines over an axis that is linear or logarithmic, with intervals where there are any.
//!
//! Drawn by hand, because what is needed is little (a line, a dot, a bar of error) and must need nothing: no script, no font,
//! no request. Colours are the page's, by class, so that they follow light and dark; lines differ by dash too, for who does
//! not tell colours apart; every plot has a title and a sentence for who does not see it, and the page puts its numbers
//! beside it.

use std::fmt::Write;

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 40.0;

/// How an axis is divided.
#[derive(Clone, Debug)]
pub struct Axis {
    pub label: String,
    /// Values between which it runs.
    pub from: f64,
    pub to: f64,
    pub logarithmic: bool,
    /// Marks with their texts.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// 0 to 100 % of something.
    pub fn share(label: &str) -> Axis {
        let ticks = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| (share, format!("{:.0} %", 100.0 * share)));
        Axis { label: label.to_owned(), from: 0.0, to: 1.0, logarithmic: false, ticks: ticks.into() }
    }

    /// 0.01 % to 100 %, by tens.
    pub fn small_share(label: &str) -> Axis {
        let ticks = [("0.01 %", 1e-4), ("0.1 %", 1e-3), ("1 %", 1e-2), ("10 %", 0.1), ("100 %", 1.0)];
        let ticks = ticks.map(|(text, value)| (value, text.to_owned()));
        Axis { label: label.to_owned(), from: 1e-4, to: 1.0, logarithmic: true, ticks: ticks.into() }
    }

    /// Places with names, from 0.
    pub fn named(label: &str, names: &[String]) -> Axis {
        let ticks = names.iter().enumerate().map(|(place, name)| (place as f64, name.clone())).collect();
        let to = names.len().saturating_sub(1).max(1) as f64;
        Axis { label: label.to_owned(), from: 0.0, to, logarithmic: false, ticks }
    }

    /// The part of the way, 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let scale = |value: f64| if self.logarithmic { value.max(self.from).ln() } else { value };
        let part = (scale(value) - scale(self.from)) / (scale(self.to) - scale(self.from));
        if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    pub name: String,
    pub points: Vec<Point>,
    /// Dots at the points, with their intervals; else a bare line.
    pub dotted: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Point {
    pub x: f64,
    pub y: f64,
    /// Where the true value is.
    pub interval: Option<(f64, f64)>,
}

impl Point {
    pub fn new(x: f64, y: f64) -> Point {
        Point { x, y, interval: None }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Plot {
    pub title: String,
    /// What it shows, in a sentence.
    pub summary: String,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
    /// A line from corner to corner: what is no better than chance, or exactly right.
    pub diagonal: bool,
}

impl Plot {
    /// A figure with its legend. `id`: tells its parts from those of other figures on the page.
    pub fn figure(&self, id: &str) -> String {
        let mut svg = String::new();
        let (title, summary) = (escaped(&self.title), escaped(&self.summary));
        let _ = write!(
            svg,
            "<figure class=\"plot\"><figcaption>{title}</figcaption>\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
             <title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{summary}</desc>"
        );
        self.frame(&mut svg);
        for (number, line) in self.lines.iter().enumerate() {
            self.line(&mut svg, line, number % CLASSES);
        }
        svg.push_str("</svg>");
        if self.lines.len() > 1 {
            svg.push_str("<ul class=\"legend\">");
            for (number, line) in self.lines.iter().enumerate() {
                let class = number % CLASSES;
                let _ = write!(
                    svg,
                    "<li><svg viewBox=\"0 0 24 8\" aria-hidden=\"true\"><path class=\"line l{class}\" d=\"M0 4H24\"/></svg>{}</li>",
                    escaped(&line.name)
                );
            }
            svg.push_str("</ul>");
        }
        svg.push_str("</figure>");
        svg
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let (x, y) = (self.x.place(x), self.y.place(y));
        (LEFT + x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM))
    }

    fn frame(&self, svg: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (value, text) in &self.y.ticks {
            let (_, y) = self.at(self.x.from, *value);
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/><text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}</text>",
                LEFT - 5.0,
                y + 3.5,
                escaped(text)
            );
        }
        // Names that would run into each other are left out, but for every other one.
        let every = if self.x.ticks.len() > 8 { 2 } else { 1 };
        for (value, text) in self.x.ticks.iter().step_by(every) {
            let (x, _) = self.at(*value, self.y.from);
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/><text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" \
                 text-anchor=\"middle\">{}</text>",
                bottom + 14.0,
                escaped(text)
            );
        }
        let _ = write!(
            svg,
            "<path class=\"axis\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>\
             <text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text class=\"label\" transform=\"translate(11 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            f64::midpoint(LEFT, right),
            HEIGHT - 8.0,
            escaped(&self.x.label),
            f64::midpoint(TOP, bottom),
            escaped(&self.y.label)
        );
        if self.diagonal {
            let steps = 40;
            let along = |step: i32| {
                let part = f64::from(step) / f64::from(steps);
                let value = match self.x.logarithmic {
                    true => self.x.from * (self.x.to / self.x.from).powf(part),
                    false => self.x.from + part * (self.x.to - self.x.from),
                };
                self.at(value, self.y.from + (value - self.x.from.min(0.0)) / self.x.to * (self.y.to - self.y.from))
            };
            let _ = write!(svg, "<path class=\"chance\" d=\"{}\"/>", path((0..=steps).map(along)));
        }
    }

    fn line(&self, svg: &mut String, line: &Line, class: usize) {
        let points = || line.points.iter().map(|point| self.at(point.x, point.y));
        let _ = write!(svg, "<path class=\"line l{class}\" d=\"{}\"/>", path(points()));
        if !line.dotted {
            return;
        }
        for point in &line.points {
            if let Some((low, high)) = point.interval {
                let ((x, low), (_, high)) = (self.at(point.x, low), self.at(point.x, high));
                let _ = write!(svg, "<path class=\"error l{class}\" d=\"M{x:.1} {low:.1}V{high:.1}\"/>");
            }
            let (x, y) = self.at(point.x, point.y);
            let _ = write!(svg, "<circle class=\"dot l{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"/>");
        }
    }
}

/// Classes of lines that the page has colours and dashes for.
pub const CLASSES: usize = 6;

fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (place, (x, y)) in points.enumerate() {
        let _ = write!(path, "{}{x:.1} {y:.1}", if place == 0 { 'M' } else { 'L' });
    }
    path
}

/// Text that may stand in an element or in a quoted attribute. What is no character of XML is left out.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' => escaped.push(' '),
            unseen if unseen.is_control() || crate::config::is_format(unseen) => {}
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_land_where_the_axes_say() {
        let plot = Plot {
            title: "<a>".to_owned(),
            summary: "b".to_owned(),
            x: Axis::small_share("x"),
            y: Axis::share("y"),
            lines: vec![Line {
                name: "l".to_owned(),
                points: vec![Point { x: 0.01, y: 0.5, interval: Some((0.25, 2.0)) }, Point::new(0.0, f64::NAN)],
                dotted: true,
            }],
            diagonal: false,
        };
        // Half-way on both: 0.01 % to 100 % by tens, and 0 to 100 %.
        let (x, y) = plot.at(0.01, 0.5);
        assert!(
            (x - f64::midpoint(LEFT, WIDTH - RIGHT)).abs() < 0.05
                && (y - f64::midpoint(TOP, HEIGHT - BOTTOM)).abs() < 0.05
        );
        let svg = plot.figure("p1");
        assert!(svg.contains("&lt;a&gt;") && !svg.contains("<a>"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(svg.contains(&format!("V{TOP:.1}")), "an interval ends at the frame: {svg}");
    }

    #[test]
    fn nothing_gets_out_of_its_place() {
        assert_eq!(escaped("a<b>\"c\"&'d'\n\u{1b}[31m"), "a&lt;b&gt;&quot;c&quot;&amp;&#39;d&#39; [31m");
    }
}
