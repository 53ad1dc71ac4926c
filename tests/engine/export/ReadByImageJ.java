import ij.IJ;
import ij.ImagePlus;
import ij.gui.Roi;
import ij.io.RoiDecoder;
import ij.measure.Calibration;
import ij.process.ByteProcessor;
import ij.process.ImageProcessor;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.io.FileInputStream;

/** Says in lines "name=value" what ImageJ's own code reads of a TIFF, or of a zip of ROIs. */
class ReadByImageJ {
    public static void main(String[] files) throws Exception {
        for (String file : files) {
            if (file.endsWith(".zip")) readRois(file);
            else readStack(file);
        }
    }

    static void readStack(String file) {
        ImagePlus image = IJ.openImage(file);
        Calibration scale = image.getCalibration();
        int[] d = image.getDimensions();
        say("dimensions", d[0] + " " + d[1] + " " + d[2] + " " + d[3] + " " + d[4]);
        say("hyperstack", image.isHyperStack() || image.getOpenAsHyperStack());
        say("bits", image.getBitDepth());
        say("unit", scale.getUnit());
        say("pixel", scale.pixelWidth + " " + scale.pixelHeight);
        say("depth", scale.pixelDepth);
        say("interval", scale.frameInterval + " " + scale.getTimeUnit());
        say("shown", image.getDisplayRangeMin() + " " + image.getDisplayRangeMax());
        say("info", image.getInfoProperty());
        for (int i = 1; i <= image.getStackSize(); i++) {
            say("label " + i, image.getStack().getSliceLabel(i));
            say("crc " + i, crc(image.getStack().getProcessor(i)));
        }
    }

    /** The mask of each ROI, of the size of its bounds. */
    static void readRois(String file) throws Exception {
        ZipInputStream zip = new ZipInputStream(new FileInputStream(file));
        for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
            Roi roi = RoiDecoder.openFromByteArray(zip.readAllBytes());
            ImageProcessor mask = roi.getMask();
            java.awt.Rectangle box = roi.getBounds();
            StringBuilder pixels = new StringBuilder();
            for (int i = 0; i < box.width * box.height; i++)
                pixels.append(mask == null || mask.get(i) != 0 ? '1' : '0');
            say("roi " + roi.getName(), roi.getTPosition() + " " + box.y + " " + box.x + " "
                    + box.height + " " + box.width + " " + pixels);
        }
    }

    static String crc(ImageProcessor pixels) {
        CRC32 crc = new CRC32();
        for (int i = 0; i < pixels.getPixelCount(); i++) {
            crc.update(pixels.get(i) >> 8);
            crc.update(pixels.get(i) & 255);
        }
        return Long.toHexString(crc.getValue());
    }

    static void say(String name, Object value) {
        System.out.println(name + "=" + String.valueOf(value).replace("\n", "\\n"));
    }
}
