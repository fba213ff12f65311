// Runs many STILTS tasks in one Java machine: a task a line, its arguments parted by tabs, the
// first of them the file that takes what the task says.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import uk.ac.starlink.ttools.Stilts;

public class ManyStilts {
    public static void main(String[] none) throws Exception {
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split("\t");
            try (PrintStream out = new PrintStream(words[0], "UTF-8")) {
                System.setOut(out);
                System.setErr(out);
                Stilts.main(Arrays.copyOfRange(words, 1, words.length));
            }
        }
    }
}
