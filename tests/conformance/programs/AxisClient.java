// What a Java client does through the stubs that Apache Axis generates of both descriptions: base
// address, output and URL of points as arguments; prints what it was told, a name and a value a line.

import at.ac.oeaw.impex_fp7.EnumRegion;
import fi.fmi.impex_fp7.*;
import java.net.URL;
import java.util.Calendar;
import java.util.GregorianCalendar;
import java.util.TimeZone;
import net.ivoa.www.xml.VOTable.v1_2.VOTABLE;
import org.apache.axis.AxisFault;
import org.apache.axis.message.MessageElement;
import org.apache.axis.types.Duration;
import org.apache.axis.types.PositiveInteger;
import org.apache.axis.types.Token;
import org.apache.axis.types.URI;

public class AxisClient {
    private static String output;
    private static URI points;

    public static void main(String[] given) throws Exception {
        output = given[1];
        points = new URI(given[2]);
        fmi(new Methods_FMI_ServiceLocator().getMethods_FMI(new URL(given[0] + "/impex/fmi")));
        latmos(new fr.ipsl.latmos.impex.Methods_LATMOS_ServiceLocator()
            .getMethods_LATMOSPort(new URL(given[0] + "/impex/latmos")));
    }

    private static void fmi(Methods_FMI_PortType service) throws Exception {
        tell("alive", service.isAlive(new EmptyElement()));
        tell("value", service.getDataPointValue(value(output)));

        DataPointValue ascii = value(output);
        ascii.setVariable(new String[] {"Bx", "By"});
        ExtraParams_getDataPointValue extra = new ExtraParams_getDataPointValue();
        extra.setOutputFileType(OutputFormat.ASCII);
        extra.setInterpolationMethod(EnumInterpolation.NearestGridPoint);
        ascii.setExtraParams(extra);
        tell("ascii", service.getDataPointValue(ascii));

        DataPointValueSpacecraft orbit = new DataPointValueSpacecraft();
        orbit.setResourceID(output);
        orbit.setVariable(new String[] {"Density"});
        orbit.setSpacecraft_name(Spacecraft.fromValue("MEX"));
        orbit.setStartTime(hour(14));
        orbit.setStopTime(hour(15));
        orbit.setSampling(new Duration("PT5M"));
        tell("orbit", service.getDataPointValueSpacecraft(orbit));

        Surface surface = new Surface();
        surface.setResourceID(output);
        surface.setVariable(new String[] {"Density"});
        surface.setPlanePoint(new float[] {0, 0, 0});
        surface.setPlaneNormalVector(new float[] {0, 0, 1});
        ExtraParams_getSurface coarse = new ExtraParams_getSurface();
        coarse.setResolution(2e6);
        surface.setExtraParams(coarse);
        tell("surface", service.getSurface(surface));

        FieldLine line = new FieldLine();
        line.setResourceID(output);
        line.setVariable(new String[] {"Btot"});
        line.setUrl_XYZ(points);
        ExtraParams_getFieldLine ends = new ExtraParams_getFieldLine();
        ends.setDirection(EnumDirection.Both);
        ends.setMaxSteps(new PositiveInteger("3"));
        ends.setStepSize(2e5);
        ends.setStopCondition_Radius(3.7e6);
        ends.setStopCondition_Region(new float[] {-1e7f, 1e7f, -1e7f, 1e7f, -1e7f, 1e7f});
        line.setExtraParams(ends);
        tell("lines", service.getFieldLine(line));

        VOTableURL table = new VOTableURL();
        table.setTable_name("particles");
        table.setFields(new VOTable_field[] {
            field("X", "m", "5e6", "6e6"), field("Y", "m", "0", "1e5"), field("Z", "m", "0", "0"),
            field("Ux", "m/s", "-4e5", "-4e5"), field("Uy", "m/s", "0", "0"),
            field("Uz", "m/s", "0", "0"), field("Mass", "kg", "1.67e-27", "1.67e-27"),
            field("Charge", "C", "1.6e-19", "1.6e-19")});
        URI particles = service.getVOTableURL(table);
        tell("particles", particles);
        ParticleTrajectory tracks = new ParticleTrajectory();
        tracks.setResourceID(output);
        tracks.setUrl_XYZ(particles);
        tell("tracks", service.getParticleTrajectory(tracks));

        MostRelevantRun runs = new MostRelevantRun();
        runs.setObject(EnumRegion.fromValue("Mars"));
        SW_parameter density = new SW_parameter();
        density.setValue(3e6);
        SW_parameter_list wind = new SW_parameter_list();
        wind.setSW_Density(density);
        runs.setSW_parameters(wind);
        tell("runs", service.getMostRelevantRun(runs));

        try {
            service.getDataPointValue(value("nonsense"));
        } catch (AxisFault fault) {
            tell("fault", fault.getFaultCode().getLocalPart() + " " + fault.getFaultActor() + " "
                + fault.getFaultString());
        }
    }

    private static void latmos(fr.ipsl.latmos.impex.Methods_LATMOS_PortType service)
            throws Exception {
        tell("latmos alive", service.isAlive(new fr.ipsl.latmos.impex.EmptyAlive()));
        fr.ipsl.latmos.impex.DataPointValue value = new fr.ipsl.latmos.impex.DataPointValue();
        value.setResourceID(output);
        value.setVariable(new String[] {"Bx"});
        value.setUrl_XYZ(points);
        tell("latmos value", service.getDataPointValue(value));

        fr.ipsl.latmos.impex.DataPointValue_Spacecraft older =
            new fr.ipsl.latmos.impex.DataPointValue_Spacecraft();
        older.setResourceID(output);
        older.setVariable(new String[] {"Density"});
        older.setSpacecraft_name(fr.ipsl.latmos.impex.Spacecraft.MEX);
        older.setStartTime(hour(14));
        older.setStopTime(hour(15));
        older.setSampling(new Duration("PT5M"));
        tell("latmos orbit", service.getDataPointValue_Spacecraft(older));

        fr.ipsl.latmos.impex.FileURL files = new fr.ipsl.latmos.impex.FileURL();
        files.setResourceID(output);
        files.setStartTime(hour(14));
        files.setStopTime(hour(15));
        VOTABLE found = service.getFileURL(files);
        for (MessageElement element : found.get_any()) {
            tell("latmos files", element.getAsString().replace("\n", " "));
        }
    }

    private static DataPointValue value(String id) {
        DataPointValue call = new DataPointValue();
        call.setResourceID(id);
        call.setUrl_XYZ(points);
        return call;
    }

    private static VOTable_field field(String name, String unit, String... data) {
        VOTable_field made = new VOTable_field();
        made.setName(new Token(name));
        made.setUnit(new Token(unit));
        made.setData(data);
        return made;
    }

    private static Calendar hour(int hour) {
        Calendar moment = new GregorianCalendar(TimeZone.getTimeZone("UTC"));
        moment.clear();
        moment.set(2005, Calendar.JANUARY, 1, hour, 0, 0);
        return moment;
    }

    private static void tell(String name, Object value) {
        System.out.println(name + "\t" + value);
    }
}
