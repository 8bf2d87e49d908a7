//! A screenshot, and whether it shows anything.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, ensure};

/// A picture of a page.
#[derive(Clone, Debug)]
pub struct Picture {
    png: Vec<u8>,
    width: u32,
    height: u32,
    /// How many pixels have each colour.
    colours: HashMap<[u8; 3], u32>,
}

impl Picture {
    /// Reads a PNG.
    ///
    /// # Errors
    /// If it is none.
    pub fn from_png(png: Vec<u8>) -> anyhow::Result<Self> {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(&png));
        decoder
            .set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
        let mut reader = decoder.read_info().context("not a PNG")?;
        let mut pixels = vec![0; reader.output_buffer_size().context("a PNG too large")?];
        let frame = reader.next_frame(&mut pixels).context("a broken PNG")?;
        ensure!(frame.color_type == png::ColorType::Rgba, "a PNG without colours");
        let mut colours = HashMap::new();
        for pixel in pixels[..frame.buffer_size()].as_chunks::<4>().0 {
            *colours.entry([pixel[0], pixel[1], pixel[2]]).or_default() += 1;
        }
        Ok(Picture {
            width: frame.width,
            height: frame.height,
            colours,
            png,
        })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// How many colours there are.
    pub fn colours(&self) -> usize {
        self.colours.len()
    }

    /// Which part of the picture is not of its most frequent colour, from 0 to 1.
    pub fn drawn(&self) -> f64 {
        let all: u32 = self.colours.values().sum();
        let ground = self.colours.values().max().copied().unwrap_or_default();
        f64::from(all - ground) / f64::from(all.max(1))
    }

    /// Fails unless something is drawn: more than a few colours, on more than a five-hundredth of the ground.
    ///
    /// # Errors
    /// If the picture is blank.
    pub fn is_drawn(&self) -> anyhow::Result<()> {
        ensure!(
            self.colours() >= 8 && self.drawn() > 0.002,
            "a blank picture: {} colours, {:.2} % drawn",
            self.colours(),
            self.drawn() * 100.0
        );
        Ok(())
    }

    /// Mean brightness from 0 to 1: a dark page is below one half, a light one above.
    pub fn brightness(&self) -> f64 {
        let (mut sum, mut all) = (0.0, 0.0);
        for (colour, count) in &self.colours {
            let light: f64 = colour.iter().map(|part| f64::from(*part)).sum::<f64>() / (3.0 * 255.0);
            sum += light * f64::from(*count);
            all += f64::from(*count);
        }
        sum / f64::max(all, 1.0)
    }

    /// How colourful it is, from 0 (grey) to 1: what is dimmed is less so.
    pub fn colourfulness(&self) -> f64 {
        let (mut sum, mut all) = (0.0, 0.0);
        for (colour, count) in &self.colours {
            let (least, most) = (colour.iter().min(), colour.iter().max());
            let spread = most.copied().unwrap_or_default() - least.copied().unwrap_or_default();
            sum += f64::from(spread) / 255.0 * f64::from(*count);
            all += f64::from(*count);
        }
        sum / f64::max(all, 1.0)
    }

    /// Writes it to a file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        std::fs::write(path, &self.png).with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(pixel: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 100, 100);
        encoder.set_color(png::ColorType::Rgb);
        let pixels: Vec<u8> = (0..100)
            .flat_map(|y| (0..100).map(move |x| (x, y)))
            .flat_map(|(x, y)| pixel(x, y))
            .collect();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&pixels).unwrap();
        writer.finish().unwrap();
        Picture::from_png(bytes).unwrap()
    }

    #[test]
    fn one_colour_is_blank() {
        let blank = picture(|_, _| [20, 20, 30]);
        assert_eq!(
            (blank.size(), blank.colours(), blank.drawn()),
            ((100, 100), 1, 0.0)
        );
        assert!(blank.is_drawn().is_err());
        assert!(blank.brightness() < 0.5);
    }

    #[test]
    fn many_colours_are_drawn() {
        let drawn = picture(|x, y| [(x * 2) as u8, (y * 2) as u8, 200]);
        assert!(drawn.is_drawn().is_ok());
    }

    #[test]
    fn grey_is_not_colourful() {
        assert_eq!(picture(|x, _| [x as u8; 3]).colourfulness(), 0.0);
        assert!(picture(|_, _| [0, 255, 0]).colourfulness() > 0.99);
    }

    #[test]
    fn what_is_no_png_is_refused() {
        assert!(Picture::from_png(b"GIF89a".to_vec()).is_err());
    }
}
