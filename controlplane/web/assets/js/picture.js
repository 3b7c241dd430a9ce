/* A chosen picture becomes an avatar: cut square, 96 pixels wide, small enough for a join. */

const SIDE = 96;
const LONGEST_URL = 24 * 1024;

/* A data: URL. Rejects with words for the user when the file is no picture. */
export async function avatarFromFile(file) {
    const image = await load(file);
    const side = Math.min(image.naturalWidth, image.naturalHeight);
    if (side === 0) {
        throw new Error('This picture has no size of its own; choose a PNG or JPEG.');
    }
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = SIDE;
    const left = (image.naturalWidth - side) / 2;
    const top = (image.naturalHeight - side) / 2;
    const context = canvas.getContext('2d');
    context.imageSmoothingQuality = 'high';
    context.drawImage(image, left, top, side, side, 0, 0, SIDE, SIDE);
    for (const quality of [0.88, 0.7, 0.5]) {
        const url = canvas.toDataURL('image/jpeg', quality);
        if (url.length <= LONGEST_URL) {
            return url;
        }
    }
    throw new Error('This picture cannot be made small enough.');
}

function load(file) {
    return new Promise((resolve, reject) => {
        const reader = new FileReader();
        reader.onerror = () => reject(new Error('The file cannot be read.'));
        reader.onload = () => {
            const image = new Image();
            image.onload = () => resolve(image);
            image.onerror = () =>
                reject(new Error('The browser cannot show this file as a picture.'));
            image.src = reader.result;
        };
        reader.readAsDataURL(file);
    });
}
